/** Answers to clients, and their heads on the wire. */
import type { BodySource } from './body.ts'
import { HeaderFields } from './header-fields.ts'

export interface Answer {
  status: number
  headers: HeaderFields
  body: Uint8Array | BodySource | null
}

/** Makes an answer of whole text. */
export function textAnswer(status: number, contentType: string, text: string): Answer {
  const headers = new HeaderFields()
  headers.append('content-type', contentType)
  return { status, headers, body: Buffer.from(text) }
}

export function jsonAnswer(status: number, value: unknown): Answer {
  return textAnswer(status, 'application/json;charset=utf-8', JSON.stringify(value))
}

export function emptyAnswer(status: number, headers: Record<string, string> = {}): Answer {
  const all = new HeaderFields()
  for (const [name, value] of Object.entries(headers)) all.set(name, value)
  return { status, headers: all, body: null }
}

/** What a part of ours answered in the form of the Fetch standard. Its body must be short. */
export async function answerFrom(response: Response): Promise<Answer> {
  const headers = new HeaderFields()
  response.headers.forEach((value, name) => {
    headers.append(name, value)
  })
  const body = response.body ? await response.bytes() : null
  return { status: response.status, headers, body }
}

export function isSource(body: Answer['body']): body is BodySource {
  return body !== null && !(body instanceof Uint8Array)
}

/** How a body is put on the wire: nothing, bytes as they are, in chunks, or until the connection ends. */
export type Transfer = 'none' | 'plain' | 'chunked' | 'until-close'

/** How to send the answer's body to a client that asked with `method`; fixes the length in its headers. */
export function transferOf({ status, headers, body }: Answer, method: string, isOld: boolean): Transfer {
  if (body instanceof Uint8Array && status !== 204 && status !== 304)
    headers.set('content-length', String(body.byteLength))
  if (method === 'HEAD' || status === 204 || status === 304) return 'none'
  if (body === null) {
    headers.set('content-length', '0')
    return 'none'
  }
  if (body instanceof Uint8Array || headers.has('content-length')) return 'plain'
  return isOld ? 'until-close' : 'chunked'
}

const REASONS: Record<number, string> = {
  ...{ 200: 'OK', 201: 'Created', 202: 'Accepted', 204: 'No Content', 206: 'Partial Content' },
  ...{ 301: 'Moved Permanently', 302: 'Found', 303: 'See Other', 304: 'Not Modified' },
  ...{ 307: 'Temporary Redirect', 308: 'Permanent Redirect', 400: 'Bad Request', 401: 'Unauthorized' },
  ...{ 403: 'Forbidden', 404: 'Not Found', 405: 'Method Not Allowed', 408: 'Request Timeout' },
  ...{ 409: 'Conflict', 410: 'Gone', 412: 'Precondition Failed', 413: 'Content Too Large' },
  ...{ 415: 'Unsupported Media Type', 422: 'Unprocessable Content', 429: 'Too Many Requests' },
  ...{ 431: 'Request Header HeaderFields Too Large', 500: 'Internal Server Error', 502: 'Bad Gateway' },
  ...{ 503: 'Service Unavailable', 504: 'Gateway Timeout' },
}

/** The head in front of the body. */
export function headOf({ status, headers }: Answer, transfer: Transfer, isLast: boolean): string {
  const date = headers.has('date') ? '' : `date: ${currentDate()}\r\n`
  const coding = transfer === 'chunked' ? 'transfer-encoding: chunked\r\n' : ''
  const connection = isLast ? 'connection: close\r\n' : ''
  return `HTTP/1.1 ${status} ${REASONS[status] ?? ''}\r\n${headers.toText()}${date}${coding}${connection}\r\n`
}

let second = 0
let date = ''

function currentDate(): string {
  const now = Math.floor(Date.now() / 1000)
  if (now !== second) {
    second = now
    date = new Date(now * 1000).toUTCString()
  }
  return date
}
