/** Writing to a socket that takes only as much as it has room for. */
import type { Socket } from 'bun'

/** Where the parts of a message are put side by side, so that they leave in one system call. */
const scratch = Buffer.allocUnsafe(128 * 1024)

/** Copies from an offset without an object for the part; made for any bytes. */
const copyBytes = Buffer.prototype.copy

/** Of a message on the wire; each character of a text is a byte. */
export type Part = string | Uint8Array

export class SocketWriter {
  readonly #socket: Socket<unknown>
  #waiting: Uint8Array[] = []

  constructor(socket: Socket<unknown>) {
    this.#socket = socket
  }

  /** Something still waits for room; {@link SocketWriter.flush} will be due when there is some. */
  get isFull(): boolean {
    return this.#waiting.length > 0
  }

  /**
   * Writes a message as one: four texts, none of which need be put together before, and what `body` holds from `start`
   * on. The same as {@link SocketWriter.write}, and worth a method of its own because every message goes this way.
   */
  writeMessage(
    first: string,
    second: string,
    third: string,
    fourth: string,
    body: Uint8Array | null,
    start: number,
  ): void {
    const headLength = first.length + second.length + third.length + fourth.length
    const length = headLength + (body ? body.byteLength - start : 0)
    if (length > scratch.byteLength) {
      this.write(first, second, third, fourth, body ? body.subarray(start) : '')
      return
    }
    let at = scratch.write(first, 0, 'latin1')
    at += scratch.write(second, at, 'latin1')
    at += scratch.write(third, at, 'latin1')
    scratch.write(fourth, at, 'latin1')
    if (body) copyBytes.call(body, scratch, headLength, start)
    this.#sendOrKeep(length)
  }

  /** Writes all parts as one. Bytes may be kept until they are written: nobody may change them. */
  write(...parts: Part[]): void {
    let length = 0
    for (const part of parts) length += part.length
    if (length > scratch.byteLength) {
      for (const part of parts) this.#writeApart(part)
      return
    }
    let at = 0
    for (const part of parts) {
      if (typeof part === 'string') scratch.write(part, at, 'latin1')
      else scratch.set(part, at)
      at += part.length
    }
    this.#sendOrKeep(length)
  }

  /** So much of what lies in {@link scratch}. */
  #sendOrKeep(length: number): void {
    const written = this.isFull ? 0 : this.#send(scratch, length)
    if (written < length) this.#waiting.push(new Uint8Array(scratch.subarray(written, length)))
  }

  #writeApart(part: Part): void {
    const bytes = typeof part === 'string' ? Buffer.from(part, 'latin1') : part
    const written = this.isFull || bytes.length === 0 ? 0 : this.#send(bytes, bytes.length)
    if (written < bytes.length) this.#waiting.push(bytes.subarray(written))
  }

  /** Call when the socket has room again. */
  flush(): void {
    for (let first = this.#waiting[0]; first; first = this.#waiting[0]) {
      const written = this.#send(first, first.byteLength)
      if (written < first.byteLength) {
        this.#waiting[0] = first.subarray(written)
        return
      }
      this.#waiting.shift()
    }
  }

  /** The socket is gone. */
  discard(): void {
    this.#waiting = []
  }

  /** Bun says -1 for a socket that is closed already, whose `close` is told soon. */
  #send(bytes: Uint8Array, length: number): number {
    return Math.max(0, this.#socket.write(bytes, 0, length))
  }
}
