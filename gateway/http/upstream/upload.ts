/** A request's body on its way to a service, as fast as the service takes it. */
import type { BodySink, BodySource } from '../body.ts'
import type { SocketWriter } from '../socket-writer.ts'
import { writeEnd, writePart } from '../write-part.ts'

export interface UploadEvents {
  onDone: () => void
  /** The body broke off: the service must not take it for whole. */
  onBroken: (error: Error) => void
}

export class Upload implements BodySink {
  readonly #writer: SocketWriter
  readonly #source: BodySource
  readonly #isChunked: boolean
  readonly #events: UploadEvents

  constructor(writer: SocketWriter, source: BodySource, isChunked: boolean, events: UploadEvents) {
    this.#writer = writer
    this.#source = source
    this.#isChunked = isChunked
    this.#events = events
  }

  start(): void {
    this.#source.pipe(this)
  }

  /** The writer has room again. */
  resume(): void {
    this.#source.resume()
  }

  cancel(): void {
    this.#source.cancel()
  }

  write(bytes: Uint8Array): void {
    writePart(this.#writer, bytes, this.#isChunked)
    if (this.#writer.isFull) this.#source.pause()
  }

  end(): void {
    writeEnd(this.#writer, this.#isChunked)
    this.#events.onDone()
  }

  fail(error: Error): void {
    this.#events.onBroken(error)
  }
}
