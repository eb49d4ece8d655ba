/** Parts of a body put together as they come: a part of one byte costs a byte, not an object. */

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

  /** Nobody may change `part` until {@link JoinedParts.take}. */
  append(part: Uint8Array): void {
    if (part.byteLength === 0) return
    if (this.#byteLength === 0) this.#first = bufferOf(part)
    else this.#copy(part)
    this.#byteLength += part.byteLength
  }

  /** All of it; what comes after begins anew. */
  take(): Buffer {
    const all = this.#joined?.subarray(0, this.#byteLength) ?? this.#first ?? NOTHING
    this.#first = null
    this.#joined = null
    this.#byteLength = 0
    return all
  }

  #copy(part: Uint8Array): void {
    const needed = this.#byteLength + part.byteLength
    if (!this.#joined || this.#joined.byteLength < needed) this.#grow(needed)
    this.#joined?.set(part, this.#byteLength)
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

/** The same bytes. */
function bufferOf(part: Uint8Array): Buffer {
  return part instanceof Buffer ? part : Buffer.from(part.buffer, part.byteOffset, part.byteLength)
}
