/** From the bytes of a connection to the head of a request. */
import { type Framing, requestFraming } from './framing.ts'
import { hasBareLineFeed, MalformedMessage, parseRequestHead, type RequestHead } from './head.ts'

export type ReadRequest =
  /** `rest` is the body, or what follows. */
  | { outcome: 'head'; head: RequestHead; framing: Framing; rest: Buffer }
  /** More must come. */
  | { outcome: 'partial' }
  /** The connection can serve nothing more after this answer. */
  | { outcome: 'refused'; status: number; message: string }

/** As much as others take: nginx by default, twice of Node. */
const MAX_HEAD_BYTES = 32_768
const END_OF_HEAD = '\r\n\r\n'
const NOTHING = Buffer.alloc(0)
const CARRIAGE_RETURN = 0x0d
const LINE_FEED = 0x0a
const MALFORMED: ReadRequest = { outcome: 'refused', status: 400, message: 'Malformed request' }

/** `data` is what came since the last request ended. */
export function readRequest(data: Buffer): ReadRequest {
  // One empty line in front is forgiven (RFC 9112, 2.2).
  const start = data[0] === CARRIAGE_RETURN && data[1] === LINE_FEED ? 2 : 0
  const text = data.toString('latin1', start, Math.min(data.length, start + MAX_HEAD_BYTES))
  const end = text.indexOf(END_OF_HEAD)
  if (end < 0) return withoutEnd(text)
  const after = end + END_OF_HEAD.length
  try {
    const head = parseRequestHead(after === text.length ? text : text.slice(0, after))
    if (head.headers.count('host') !== 1 && !(head.isOld && !head.headers.has('host'))) return MALFORMED
    return { outcome: 'head', head, framing: requestFraming(head), rest: restOf(data, start + after) }
  } catch (error) {
    if (error instanceof MalformedMessage) return MALFORMED
    throw error
  }
}

/** Nearly always nothing, which need not be made anew. */
function restOf(data: Buffer, end: number): Buffer {
  return end === data.length ? NOTHING : data.subarray(end)
}

function withoutEnd(text: string): ReadRequest {
  if (text.length === MAX_HEAD_BYTES)
    return { outcome: 'refused', status: 431, message: 'Header fields are too large' }
  return hasBareLineFeed(text) ? MALFORMED : { outcome: 'partial' }
}
