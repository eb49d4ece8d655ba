/** The one path of a request (gateway spec 1, step 2): what policy is decided on is what is forwarded. */
export interface NormalPath {
  /** Percent-decoded once, without the ignored trailing slash. For decisions. */
  segments: string[]
  /** The same path as it is written in a request line. For forwarding. */
  encoded: string
}

/**
 * The normal form, or null when the path must be refused: `.` or `..` segments, empty segments, `\`, an
 * encoded `/` or `\`, NUL and other control characters, `#`, a `%` that does not decode to UTF-8, and whatever
 * does not begin with `/`: another server's URL, a host to CONNECT to, `*`.
 *
 * @param path as it was sent, up to the `?`
 */
export function normalisePath(path: string): NormalPath | null {
  if (path === '/') return { segments: [''], encoded: path }
  if (!path.startsWith('/')) return null
  const encoded = path.endsWith('/') ? path.slice(0, -1) : path
  const segments = encoded.slice(1).split('/')
  if (PLAIN_PATH.test(encoded)) return { segments, encoded }
  const decoded = decodeSegments(segments)
  return decoded && { segments: decoded, encoded: `/${decoded.map(encodeURIComponent).join('/')}` }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const FORBIDDEN = /[\u0000-\u001f\u007f-\u009f/\\#]/

/** Segments without anything escaped, or that ought to be, and none that climbs: what nearly all paths look like. */
const PLAIN_PATH = /^(?:\/(?!\.\.?(?:\/|$))[\w.~!$&'()*+,;=:@-]+)+$/

function isPlainSegment(segment: string): boolean {
  return segment !== '' && segment !== '.' && segment !== '..' && !FORBIDDEN.test(segment)
}

function decodeSegments(segments: readonly string[]): string[] | null {
  try {
    const decoded = segments.map(decodeURIComponent)
    return decoded.every(isPlainSegment) ? decoded : null
  } catch {
    // A `%` that is not part of valid UTF-8: the one thing decodeURIComponent throws on.
    return null
  }
}

const NOT_ASCII = /[\x80-\xff]/g

/** Path and query of a request target; bytes that a URL cannot hold are escaped, as every client should have. */
export function splitTarget(target: string): { path: string; query: string } {
  const escaped = target.replace(NOT_ASCII, byte => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`)
  const mark = escaped.indexOf('?')
  return mark < 0
    ? { path: escaped, query: '' }
    : { path: escaped.slice(0, mark), query: escaped.slice(mark) }
}
