/** Puts one answer on the wire, as fast as the client takes it. */
import { type Answer, endOfHead, isSource, statusLine, type Transfer, transferOf } from './answer.ts'
import type { BodySink, BodySource } from './body.ts'
import type { SocketWriter } from './socket-writer.ts'
import { writeEnd, writePart } from './write-part.ts'

export interface AnswerWriterEvents {
  /** All of it is handed to the writer, which may still hold some. */
  onWritten: () => void
  /** The body broke off: the connection has to break, too. */
  onBroken: () => void
}

export class AnswerWriter implements BodySink {
  readonly #writer: SocketWriter
  readonly #events: AnswerWriterEvents
  #transfer: Transfer = 'none'
  #source: BodySource | null = null

  constructor(writer: SocketWriter, events: AnswerWriterEvents) {
    this.#writer = writer
    this.#events = events
  }

  /** Starts to write. `isLast`: the connection ends with this answer. */
  start(answer: Answer, method: string, isOld: boolean, isLast: boolean): void {
    this.#transfer = transferOf(answer, method, isOld)
    const { status, headers, ownLines, body, bodyStart } = answer
    const bytes = this.#transfer === 'plain' && body instanceof Uint8Array ? body : null
    const end = endOfHead(answer, this.#transfer, method, isLast)
    this.#writer.writeMessage(statusLine(status), headers.toText(), ownLines, end, bytes, bodyStart)
    if (isSource(body) && this.#transfer !== 'none') {
      this.#source = body
      body.pipe(this)
      this.#waitWhileFull()
      return
    }
    if (isSource(body)) body.cancel()
    this.#events.onWritten()
  }

  /** The writer has room again. */
  resume(): void {
    this.#source?.resume()
  }

  /** The client is gone. */
  cancel(): void {
    this.#source?.cancel()
    this.#source = null
  }

  write(bytes: Uint8Array): void {
    writePart(this.#writer, bytes, this.#transfer === 'chunked')
    this.#waitWhileFull()
  }

  end(): void {
    this.#source = null
    writeEnd(this.#writer, this.#transfer === 'chunked')
    this.#events.onWritten()
  }

  fail(): void {
    this.#source = null
    this.#events.onBroken()
  }

  #waitWhileFull(): void {
    if (this.#writer.isFull) this.#source?.pause()
  }
}
