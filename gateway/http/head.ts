/**
 * Heads of HTTP/1.1 messages, read strictly (RFC 9112): what two parties could understand differently is
 * refused, never repaired. The whole head is held against one grammar before any of it is used.
 */
import { HeaderFields } from './header-fields.ts'

/** A message whose bytes are no HTTP, or could be read in two ways. */
export class MalformedMessage extends Error {}

/** The first line and the fields of a request. */
export interface RequestHead {
  method: string
  /** As it was sent. */
  target: string
  /** The version is 1.0: the connection ends with the answer, which cannot come in chunks. */
  isOld: boolean
  /** Another message may follow on the connection. */
  isPersistent: boolean
  headers: HeaderFields
}

/** The first line and the fields of an answer. */
export interface ResponseHead {
  status: number
  isOld: boolean
  isPersistent: boolean
  headers: HeaderFields
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
const TEXT = '[\\t\\x20-\\x7e\\x80-\\xff]*'
/** Any visible character but `#`: what is behind it is nobody's business but the client's. */
const TARGET = '[!"$-~\\x80-\\xff]+'
const VERSION = 'HTTP/1\\.[01]'
const FIELD_LINES = `(?:${TOKEN}:${TEXT}\\r\\n)*\\r\\n`
const REQUEST_LINE = `${TOKEN} ${TARGET} ${VERSION}\\r\\n`
const REQUEST = new RegExp(`^${REQUEST_LINE}${FIELD_LINES}$`)
const ONLY_REQUEST_LINE = new RegExp(`^${REQUEST_LINE}$`)
const RESPONSE = new RegExp(`^${VERSION} [1-9][0-9][0-9](?: ${TEXT})?\\r\\n${FIELD_LINES}$`)
const FIELDS = new RegExp(`^${FIELD_LINES}$`)

/** `text` is everything up to and with the empty line. Throws {@link MalformedMessage}. */
export function parseRequestHead(text: string): RequestHead {
  if (!REQUEST.test(text)) throw new MalformedMessage('no request head')
  return headOf(text, fieldsFrom(text, text.indexOf('\r\n') + 2))
}

/** `line`, with its end, before fields that were read already. Throws {@link MalformedMessage}. */
export function parseRequestLine(line: string, headers: HeaderFields): RequestHead {
  if (!ONLY_REQUEST_LINE.test(line)) throw new MalformedMessage('no request line')
  return headOf(line, headers)
}

/** `text` begins with a request line that was held against the grammar. */
function headOf(text: string, headers: HeaderFields): RequestHead {
  const afterMethod = text.indexOf(' ')
  const afterTarget = text.indexOf(' ', afterMethod + 1)
  const isOld = text.charAt(text.indexOf('\r\n', afterTarget) - 1) === '0'
  return {
    method: text.slice(0, afterMethod),
    target: text.slice(afterMethod + 1, afterTarget),
    ...{ isOld, isPersistent: isPersistent(isOld, headers), headers },
  }
}

/** `text` is everything up to and with the empty line. Throws {@link MalformedMessage}. */
export function parseResponseHead(text: string): ResponseHead {
  if (!RESPONSE.test(text)) throw new MalformedMessage('no answer head')
  const isOld = text.charAt(7) === '0'
  const headers = fieldsFrom(text, text.indexOf('\r\n') + 2)
  return { status: Number(text.slice(9, 12)), isOld, isPersistent: isPersistent(isOld, headers), headers }
}

/** An old peer would have to ask for it, and none that does is worth the trouble. */
function isPersistent(isOld: boolean, headers: HeaderFields): boolean {
  return !isOld && !/\bclose\b/i.test(headers.get('connection') ?? '')
}

/** Whether `text` is lines of fields and the empty line after them. */
export function isFieldSection(text: string): boolean {
  return FIELDS.test(text)
}

/** A line that ends without a carriage return can be seen long before the end of the head. */
export function hasBareLineFeed(text: string): boolean {
  return /(?:^|[^\r])\n/.test(text)
}

function fieldsFrom(text: string, start: number): HeaderFields {
  const headers = new HeaderFields()
  const end = text.length - 2
  for (let at = start; at < end; ) {
    const colon = text.indexOf(':', at)
    const next = text.indexOf('\r\n', colon) + 2
    headers.pushLine(lowerCase(text.slice(at, colon)), text.slice(at, next))
    at = next
  }
  return headers
}

const MAX_KNOWN_NAMES = 1_000
const knownNames = new Map<string, string>()

/** Names repeat from request to request; looking one up is cheaper than making it anew. */
function lowerCase(name: string): string {
  const known = knownNames.get(name)
  if (known !== undefined) return known
  const lower = name.toLowerCase()
  if (knownNames.size < MAX_KNOWN_NAMES) knownNames.set(name, lower)
  return lower
}
