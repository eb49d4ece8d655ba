/** Parts of a body put together as they come: a part of one byte costs a byte, not an object. */

/** Copies a range without an object for it; made for any bytes. */
const copyBytes = Buffer.prototype.copy

/** What a first copy has room for; most bodies that come in parts are shorter. */
const FIRST_ROOM = 1_024

/** The parts so far as one; `maxBytes` is as much as will ever be appended. */
export class JoinedParts {
  readonly #maxBytes: number
  /** As it came, as long as it is the only one. */
  #first: Buffer | null = null
  #joined: Buffer | null = null
  #byteLength = 0

  constructor(maxBytes = Number.POSITIVE_INFINITY) {
    this.#maxBytes = maxBytes
  }

  get byteLength(): number {
    return this.#byteLength
  }

  /** Adds the bytes of `data` in a range, which nobody may change until {@link JoinedParts.take}. */
  append(data: Uint8Array, start = 0, end = data.byteLength): void {
    if (start === end) return
    if (this.#byteLength === 0) this.#first = bufferOf(data, start, end)
    else this.#copy(data, start, end)
    this.#byteLength += end - start
  }

  /** All of it; what comes after begins anew. */
  take(): Buffer {
    const all = this.#joined?.subarray(0, this.#byteLength) ?? this.#first ?? NOTHING
    this.#first = null
    this.#joined = null
    this.#byteLength = 0
    return all
  }

  #copy(data: Uint8Array, start: number, end: number): void {
    const needed = this.#byteLength + end - start
    if (!this.#joined || this.#joined.byteLength < needed) this.#grow(needed)
    if (this.#joined) copyBytes.call(data, this.#joined, this.#byteLength, start, end)
  }

  #grow(needed: number): void {
    const room = Math.min(Math.max(needed * 2, FIRST_ROOM), Math.max(needed, this.#maxBytes))
    const larger = Buffer.allocUnsafeSlow(room)
    const sofar = this.#joined?.subarray(0, this.#byteLength) ?? this.#first
    if (sofar) larger.set(sofar)
    this.#first = null
    this.#joined = larger
  }
}

const NOTHING = Buffer.alloc(0)

/** The same bytes, as long as nobody changes them. */
function bufferOf(data: Uint8Array, start: number, end: number): Buffer {
  return Buffer.from(data.buffer, data.byteOffset + start, end - start)
}
