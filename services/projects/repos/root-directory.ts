/** `root_directory` of a repo (projects spec 2.1). */
import { badRequest } from '@mogplex/kit/errors.ts'

const MAX_LENGTH = 1_024

/**
 * Where in the repository the project lies, without `.` segments and outer or doubled slashes; null is the
 * root, and so is what is no text. 400 for what could lead out of the repository, percent-encoded too.
 */
export function readRootDirectory(value: unknown): string | null {
  if (typeof value !== 'string') return null
  const text = value.trim()
  if (text.length > MAX_LENGTH) throw wrong(`must have at most ${MAX_LENGTH} characters`)
  if (/\p{Cc}/u.test(text)) throw wrong('must not contain control characters')
  const segments = text.split('/').filter(segment => segment !== '' && segment !== '.')
  if (segments.some(leadsOut)) throw wrong('must not contain ".." or percent-encoded dot segments')
  return segments.length === 0 ? null : segments.join('/')
}

/** `..`, and any spelling of `.` or `..` with an encoded dot. */
function leadsOut(segment: string): boolean {
  const decoded = segment.replace(/%2e/gi, '.')
  return decoded === '..' || (decoded === '.' && segment !== '.')
}

function wrong(reason: string) {
  return badRequest(`root_directory: ${reason}`, { field: 'root_directory' })
}
