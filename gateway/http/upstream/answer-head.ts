/** From the bytes of a connection to the head of an answer. */
import type { Framing } from '../framing.ts'
import { MalformedMessage, parseResponseHead, type ResponseHead } from '../head.ts'
import type { HeaderFields } from '../header-fields.ts'

export interface AnswerHead extends ResponseHead {
  /** The fields that are handed on. Never changed: the next answer may have the same. */
  relayed: HeaderFields
  byteLength: number
  /** Of the body, once it was asked for; there is none where the request was a HEAD. */
  framing: Framing | null
}

const MAX_HEAD_BYTES = 65_536
/** A longer one is not remembered. */
const MAX_REMEMBERED_BYTES = 4_096
const END_OF_HEAD = Buffer.from('\r\n\r\n')

/** Reads the heads of one connection. One that is the last one again, byte for byte, is not parsed anew. */
export class AnswerHeadReader {
  readonly #relayed: (headers: HeaderFields) => HeaderFields
  #bytes: Buffer | null = null
  #last: AnswerHead | null = null

  /** `relayed` must depend on nothing but the fields. */
  constructor(relayed: (headers: HeaderFields) => HeaderFields) {
    this.#relayed = relayed
  }

  /** The head that begins at `start`; null when it is not whole. Throws {@link MalformedMessage}. */
  read(data: Buffer, start: number): AnswerHead | null {
    return this.#isLastAgain(data, start) ? this.#last : this.#readAnew(data, start)
  }

  #isLastAgain(data: Buffer, start: number): boolean {
    if (!this.#bytes) return false
    const { length } = this.#bytes
    return data.length - start >= length && data.compare(this.#bytes, 0, length, start, start + length) === 0
  }

  #readAnew(data: Buffer, start: number): AnswerHead | null {
    const end = data.indexOf(END_OF_HEAD, start)
    if ((end < 0 ? data.length : end) - start > MAX_HEAD_BYTES)
      throw new MalformedMessage('header fields are too large')
    if (end < 0) return null
    const byteLength = end + END_OF_HEAD.length - start
    const head = parseResponseHead(data.toString('latin1', start, start + byteLength))
    const read = { ...head, relayed: this.#relayed(head.headers), byteLength, framing: null }
    if (byteLength <= MAX_REMEMBERED_BYTES) {
      this.#bytes = Buffer.from(data.subarray(start, start + byteLength))
      this.#last = read
    }
    return read
  }
}
