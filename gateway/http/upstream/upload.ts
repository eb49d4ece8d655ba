/** A request's body on its way to a service, as fast as the service takes it. */
import type { BodySink, BodySource } from '../body.ts'
import type { SocketWriter } from '../socket-writer.ts'

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
    // A chunk without bytes would end the body.
    if (bytes.byteLength === 0) return
    if (this.#isChunked) this.#writer.write(`${bytes.byteLength.toString(16)}\r\n`, bytes, '\r\n')
    else this.#writer.write('', bytes)
    if (this.#writer.isFull) this.#source.pause()
  }

  end(): void {
    if (this.#isChunked) this.#writer.write('0\r\n\r\n')
    this.#events.onDone()
  }

  fail(error: Error): void {
    this.#events.onBroken(error)
  }
}
