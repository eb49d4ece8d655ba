/** Where the body of a message ends (RFC 9112, 6). Any doubt is a refusal: doubts are how requests are smuggled. */

import { MalformedMessage, type RequestHead, type ResponseHead } from './head.ts'
import type { HeaderFields } from './header-fields.ts'

/** A number of bytes, chunks that name their size, or all that comes until the connection ends. */
export type Framing = number | 'chunked' | 'until-close'

const LENGTH = /^[0-9]{1,15}$/

/** Of a request's body; 0 when there is none. Throws {@link MalformedMessage}. */
export function requestFraming({ headers, isOld }: RequestHead): Framing {
  const framing = declaredFraming(headers)
  if (framing === 'chunked' && isOld) throw new MalformedMessage('chunks in HTTP/1.0')
  return framing ?? 0
}

/** Of the body of an answer, unless it is to a HEAD. Throws {@link MalformedMessage}. */
export function responseFraming({ status, headers, isOld }: ResponseHead): Framing {
  if (status < 200 || status === 204 || status === 304) return 0
  const framing = declaredFraming(headers)
  if (framing === 'chunked' && isOld) throw new MalformedMessage('chunks in HTTP/1.0')
  return framing ?? 'until-close'
}

/** The number in a `Content-Length`; null without one. Throws {@link MalformedMessage} for two, or for another text. */
export function declaredLength(headers: HeaderFields): number | null {
  const text = headers.get('content-length')
  if (text === null) return null
  // Repeated ones come as a list, and no list is a number.
  if (!LENGTH.test(text)) throw new MalformedMessage('content-length')
  return Number(text)
}

function declaredFraming(headers: HeaderFields): Framing | null {
  const coding = headers.get('transfer-encoding')
  const length = declaredLength(headers)
  if (coding === null) return length
  if (length !== null) throw new MalformedMessage('both content-length and transfer-encoding')
  if (coding.toLowerCase() !== 'chunked') throw new MalformedMessage('transfer-encoding')
  return 'chunked'
}
