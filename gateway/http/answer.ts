/** Answers to clients, and their heads on the wire. */
import type { BodySource } from './body.ts'
import { HeaderFields } from './header-fields.ts'

export interface Answer {
  status: number
  /** Of a service's answer shared with others: whoever changes them changes a copy. */
  headers: HeaderFields
  /** More lines, each with its end. */
  ownLines: string
  body: Uint8Array | BodySource | null
  /** Where in it the body begins, if it is bytes. */
  bodyStart: number
}

/** Makes an answer of whole text. */
export function textAnswer(status: number, contentType: string, text: string): Answer {
  const headers = new HeaderFields()
  headers.append('content-type', contentType)
  return { status, headers, ownLines: '', body: Buffer.from(text), bodyStart: 0 }
}

export function jsonAnswer(status: number, value: unknown): Answer {
  return textAnswer(status, 'application/json;charset=utf-8', JSON.stringify(value))
}

export function emptyAnswer(status: number, headers: Record<string, string> = {}): Answer {
  const all = new HeaderFields()
  for (const [name, value] of Object.entries(headers)) all.set(name, value)
  return { status, headers: all, ownLines: '', body: null, bodyStart: 0 }
}

/** What a part of ours answered in the form of the Fetch standard. Its body must be short. */
export async function answerFrom(response: Response): Promise<Answer> {
  const headers = new HeaderFields()
  response.headers.forEach((value, name) => {
    headers.append(name, value)
  })
  const body = response.body ? await response.bytes() : null
  return { status: response.status, headers, ownLines: '', body, bodyStart: 0 }
}

export function isSource(body: Answer['body']): body is BodySource {
  return body !== null && !(body instanceof Uint8Array)
}

/** How a body is put on the wire: nothing, bytes as they are, in chunks, or until the connection ends. */
export type Transfer = 'none' | 'plain' | 'chunked' | 'until-close'

/** How to send the answer's body to a client that asked with `method`. */
export function transferOf({ status, headers, body }: Answer, method: string, isOld: boolean): Transfer {
  if (body === null || method === 'HEAD' || status === 204 || status === 304) return 'none'
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
  ...{ 431: 'Request Header Fields Too Large', 500: 'Internal Server Error', 502: 'Bad Gateway' },
  ...{ 503: 'Service Unavailable', 504: 'Gateway Timeout' },
}

/** The first line, with its end. */
export function statusLine(status: number): string {
  let line = statusLines.get(status)
  if (line === undefined) {
    line = `HTTP/1.1 ${status} ${REASONS[status] ?? ''}\r\n`
    statusLines.set(status, line)
  }
  return line
}

const statusLines = new Map<number, string>()

/** What the head says besides the answer's own fields, and its end. */
export function endOfHead(answer: Answer, transfer: Transfer, method: string, isLast: boolean): string {
  const { headers } = answer
  let lines = lengthLine(answer, method)
  if (!headers.has('date')) lines += `date: ${currentDate()}\r\n`
  if (transfer === 'chunked') lines += 'transfer-encoding: chunked\r\n'
  if (isLast) lines += 'connection: close\r\n'
  return `${lines}\r\n`
}

/** The length of a body that is whole, unless it is said already; of one that a HEAD does not get, too. */
function lengthLine({ status, headers, body, bodyStart }: Answer, method: string): string {
  if (status === 204 || status === 304 || headers.has('content-length')) return ''
  if (body instanceof Uint8Array) return `content-length: ${body.byteLength - bodyStart}\r\n`
  return body === null && method !== 'HEAD' ? 'content-length: 0\r\n' : ''
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
