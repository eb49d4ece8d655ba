/** From the bytes of a connection to the head of a request. */
import { type Framing, requestFraming } from './framing.ts'
import { hasBareLineFeed, MalformedMessage, parseRequestHead, type RequestHead } from './head.ts'

export type ReadRequest<Understood> =
  /** `rest` is the body, or what follows. */
  | { outcome: 'head'; head: RequestHead; framing: Framing; understood: Understood; rest: Buffer }
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

/**
 * Reads the requests of one connection. Clients repeat themselves: a request that is the last one again, byte for
 * byte, is neither parsed nor understood anew.
 */
export class RequestReader<Understood> {
  readonly #understand: (head: RequestHead) => Understood
  #bytes: Buffer | null = null
  #last: ReadRequest<Understood> = { outcome: 'partial' }

  /** `understand` must depend on nothing but the head. */
  constructor(understand: (head: RequestHead) => Understood) {
    this.#understand = understand
  }

  /** `data` is what came since the last request ended. */
  read(data: Buffer): ReadRequest<Understood> {
    if (this.#bytes?.equals(data)) return this.#last
    const read = this.#readAnew(data)
    // What comes with a head is not kept: it may be a body, and that may be a password.
    if (read.outcome !== 'head' || read.rest.length > 0 || data.length > MAX_REMEMBERED_BYTES) return read
    this.#bytes = data
    this.#last = read
    return read
  }

  #readAnew(data: Buffer): ReadRequest<Understood> {
    // One empty line in front is forgiven (RFC 9112, 2.2).
    const start = data[0] === CARRIAGE_RETURN && data[1] === LINE_FEED ? 2 : 0
    const text = data.toString('latin1', start, Math.min(data.length, start + MAX_HEAD_BYTES))
    const end = text.indexOf(END_OF_HEAD)
    if (end < 0) return withoutEnd(text)
    const after = end + END_OF_HEAD.length
    try {
      const head = parseRequestHead(after === text.length ? text : text.slice(0, after))
      if (head.headers.count('host') !== 1 && !(head.isOld && !head.headers.has('host'))) return MALFORMED
      const [framing, understood] = [requestFraming(head), this.#understand(head)]
      return { outcome: 'head', head, framing, understood, rest: restOf(data, start + after) }
    } catch (error) {
      if (error instanceof MalformedMessage) return MALFORMED
      throw error
    }
  }
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
