/** From the bytes of a connection to the head of a request. */
import { type Framing, requestFraming } from './framing.ts'
import {
  hasBareLineFeed,
  MalformedMessage,
  parseRequestHead,
  parseRequestLine,
  type RequestHead,
} from './head.ts'
import type { HeaderFields } from './header-fields.ts'

export interface HeadRead<Understood> {
  outcome: 'head'
  head: RequestHead
  framing: Framing
  understood: Understood
  /** The body, or what follows. */
  rest: Buffer
}

export type ReadRequest<Understood> =
  | HeadRead<Understood>
  /** More must come. */
  | { outcome: 'partial' }
  /** The connection can serve nothing more after this answer. */
  | { outcome: 'refused'; status: number; message: string }

/** As much as others take: nginx by default, twice of Node. */
const MAX_HEAD_BYTES = 32_768
/** A longer request is not remembered. */
const MAX_REMEMBERED_BYTES = 4_096
const END_OF_HEAD = '\r\n\r\n'
const NOTHING = Buffer.alloc(0)
const CARRIAGE_RETURN = 0x0d
const LINE_FEED = 0x0a
const MALFORMED = { outcome: 'refused', status: 400, message: 'Malformed request' } as const

/** A request that was read, and where in its bytes the first line ends. */
interface Remembered<Understood> {
  bytes: Buffer
  fieldsAt: number
  read: HeadRead<Understood>
}

/**
 * Reads the requests of one connection. Clients repeat themselves: a request that is the last one again, byte for
 * byte, is neither parsed nor understood anew; of one that differs in its first line, that line is.
 */
export class RequestReader<Understood> {
  readonly #understand: (head: RequestHead) => Understood
  #last: Remembered<Understood> | null = null

  /** `understand` must depend on nothing but the head. Fields that repeat are the same object. */
  constructor(understand: (head: RequestHead) => Understood) {
    this.#understand = understand
  }

  /** `data` is what came since the last request ended. */
  read(data: Buffer): ReadRequest<Understood> {
    const last = this.#last
    if (last?.bytes.equals(data)) return last.read
    const fieldsAt = data.indexOf(LINE_FEED) + 1
    const read =
      last && hasFieldsOf(last, data, fieldsAt)
        ? this.#readLine(data.toString('latin1', 0, fieldsAt), last.read.head.headers)
        : this.#readAnew(data)
    // What comes with a head is not kept: it may be a body, and that may be a password. A copy, since `data` may lie in
    // a larger piece that would be kept with it.
    if (read.outcome === 'head' && read.rest.length === 0 && data.length <= MAX_REMEMBERED_BYTES)
      this.#last = { bytes: Buffer.from(data), fieldsAt, read }
    return read
  }

  #readLine(line: string, headers: HeaderFields): ReadRequest<Understood> {
    return this.#readHead(() => parseRequestLine(line, headers), NOTHING)
  }

  #readAnew(data: Buffer): ReadRequest<Understood> {
    // One empty line in front is forgiven (RFC 9112, 2.2).
    const start = data[0] === CARRIAGE_RETURN && data[1] === LINE_FEED ? 2 : 0
    const text = data.toString('latin1', start, Math.min(data.length, start + MAX_HEAD_BYTES))
    const end = text.indexOf(END_OF_HEAD)
    if (end < 0) return withoutEnd(text)
    const after = end + END_OF_HEAD.length
    const whole = after === text.length ? text : text.slice(0, after)
    return this.#readHead(() => parseRequestHead(whole), restOf(data, start + after))
  }

  #readHead(parse: () => RequestHead, rest: Buffer): ReadRequest<Understood> {
    try {
      const head = parse()
      if (head.headers.count('host') !== 1 && !(head.isOld && !head.headers.has('host'))) return MALFORMED
      const [framing, understood] = [requestFraming(head), this.#understand(head)]
      return { outcome: 'head', head, framing, understood, rest }
    } catch (error) {
      if (error instanceof MalformedMessage) return MALFORMED
      throw error
    }
  }
}

/** Whether what follows the first line of `data` is what followed the first line of the last request. */
function hasFieldsOf({ bytes, fieldsAt }: Remembered<unknown>, data: Buffer, start: number): boolean {
  const isAsLong = data.length - start === bytes.length - fieldsAt
  return isAsLong && data.compare(bytes, fieldsAt, bytes.length, start) === 0
}

/** Nearly always nothing, which need not be made anew. */
function restOf(data: Buffer, end: number): Buffer {
  return end === data.length ? NOTHING : data.subarray(end)
}

function withoutEnd(text: string): ReadRequest<never> {
  if (text.length === MAX_HEAD_BYTES)
    return { outcome: 'refused', status: 431, message: 'Header fields are too large' }
  return hasBareLineFeed(text) ? MALFORMED : { outcome: 'partial' }
}
