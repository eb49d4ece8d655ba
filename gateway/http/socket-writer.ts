/** Writing to a socket that takes only as much as it has room for. */
import type { Socket } from 'bun'

/** Where the parts of a message are put side by side, so that they leave in one system call. */
const scratch = Buffer.allocUnsafe(128 * 1024)

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
   * Writes text, bytes and text as one; each character of the texts is a byte. `bytes` may be kept until they are
   * written: nobody may change them.
   */
  write(before: string, bytes: Uint8Array | null = null, after = ''): void {
    const middle = before.length + (bytes?.byteLength ?? 0)
    const length = middle + after.length
    if (length > scratch.byteLength) {
      this.#writeApart(before, bytes, after)
      return
    }
    scratch.write(before, 0, 'latin1')
    if (bytes) scratch.set(bytes, before.length)
    if (after) scratch.write(after, middle, 'latin1')
    const written = this.isFull ? 0 : this.#send(scratch, length)
    if (written < length) this.#waiting.push(new Uint8Array(scratch.subarray(written, length)))
  }

  #writeApart(before: string, bytes: Uint8Array | null, after: string): void {
    const parts = [Buffer.from(before, 'latin1'), bytes, Buffer.from(after, 'latin1')]
    for (const part of parts) {
      if (!part || part.byteLength === 0) continue
      const written = this.isFull ? 0 : this.#send(part, part.byteLength)
      if (written < part.byteLength) this.#waiting.push(part.subarray(written))
    }
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
