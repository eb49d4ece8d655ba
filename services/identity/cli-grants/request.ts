/** What a command line asks for when it sends a browser to `/cli-auth` (identity spec 10). */
import { badRequest } from '@mogplex/kit/errors.ts'

export interface GrantRequest {
  /** Where the page's script delivers the token: a port of the person's own machine. */
  callback: string
  /** By which the command line knows the answer to its own question. */
  nonce: string
  /** How the person will know the token. */
  name: string
}

const MAX_CALLBACK_CHARS = 512
const MAX_PATH_CHARS = 256
const MAX_NAME_CHARS = 60
const MIN_PORT = 1_024
const MAX_PORT = 65_535
const DEFAULT_NAME = 'Mogplex CLI'

/**
 * Read off the text, not off a parsed URL: a parser takes `127.1`, `0x7f.1`, tabs and `\` for what they are
 * not written as. Nothing but printable ASCII is left for the path.
 */
const CALLBACK = /^http:\/\/(?:localhost|127\.0\.0\.1|\[::1\]):([1-9]\d{3,4})(\/[!$-.0-;=@-[\]_a-z|~%/]*)?$/
const NONCE = /^[A-Za-z0-9_-]{16,128}$/

/** Throws 400 naming the parameter; its value is never repeated. */
export function readGrantRequest(query: URLSearchParams): GrantRequest {
  const callback = once(query, 'callback')
  if (!callback || !isCallback(callback)) {
    throw fault('callback', 'must be an http address of this machine with a port, without query and fragment')
  }
  const nonce = once(query, 'nonce')
  if (!nonce || !NONCE.test(nonce)) {
    throw fault('nonce', 'must be 16 to 128 letters, digits, "_" or "-"')
  }
  return { callback, nonce, name: readName(once(query, 'name')) }
}

/** Whether a token may be delivered there: to a port of the machine the browser runs on. */
export function isCallback(text: string): boolean {
  if (text.length > MAX_CALLBACK_CHARS) return false
  const [, port, path = ''] = CALLBACK.exec(text) ?? []
  return Number(port) >= MIN_PORT && Number(port) <= MAX_PORT && path.length <= MAX_PATH_CHARS
}

/** Null when absent. More than once is a fault: which one counts would be a guess. */
function once(query: URLSearchParams, name: string): string | null {
  const values = query.getAll(name)
  if (values.length > 1) throw fault(name, 'must be given once')
  return values[0] ?? null
}

function readName(text: string | null): string {
  const name = (text ?? '').replaceAll(/\p{Cc}/gu, '').trim()
  if ([...name].length > MAX_NAME_CHARS) throw fault('name', `must have at most ${MAX_NAME_CHARS} characters`)
  return name === '' ? DEFAULT_NAME : name
}

function fault(field: string, reason: string) {
  return badRequest(`${field}: ${reason}`, { field })
}
