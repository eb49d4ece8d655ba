/**
 * The one path of a request (gateway spec 1, step 2): what policy is decided on is what is forwarded.
 *
 * Bun gives handlers a URL in which `..`, `.` and `\` are already resolved, so a trick would not be seen in
 * it. Its router, though, matches the bytes as they were sent; `server.ts` catches those segments and hands
 * them in here beside the URL.
 */
export interface NormalPath {
  /** Percent-decoded once, without the ignored trailing slash. For decisions. */
  segments: string[]
  /** The same path as it is written in a request line. For forwarding. */
  encoded: string
}

/** A service path needs fewer; a longer one can match no row. */
export const MAX_SEGMENTS = 32

/**
 * The normal form, or null when the path must be refused: `.` or `..` segments, empty segments, `\`, an
 * encoded `/` or `\`, NUL and other control characters, `#`, a `%` that does not decode to UTF-8.
 *
 * @param urlPath the path of the parsed URL, still percent-encoded
 * @param sentSegments the segments as sent, decoded by the router; an undecodable `%` may be mangled in it
 */
export function normalisePath(urlPath: string, sentSegments: readonly string[]): NormalPath | null {
  // CONNECT names a host, not a path.
  if (!urlPath.startsWith('/')) return null
  for (const segment of sentSegments) if (!isPlainSegment(segment)) return null
  const encoded = urlPath.endsWith('/') ? urlPath.slice(0, -1) : urlPath
  const segments = encoded.slice(1).split('/')
  // Only segments refused above could have been resolved away, so a difference means a trick unknown to us.
  if (segments.length !== sentSegments.length) return null
  if (!encoded.includes('%')) return { segments, encoded }
  const decoded = decodeSegments(segments)
  return decoded && { segments: decoded, encoded: `/${decoded.map(encodeURIComponent).join('/')}` }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const FORBIDDEN = /[\u0000-\u001f\u007f-\u009f/\\#]/

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
