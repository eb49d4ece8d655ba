/** Which requests of a sandbox an endpoint gets: those below its base URL, spelled so that nobody reads them otherwise. */

/** What the CLIs send. TRACE above all would have the endpoint repeat the credential. */
const METHODS = ['GET', 'HEAD', 'POST']

/** How often a server behind the endpoint may decode a path once more. */
const MAX_DECODINGS = 4

export type Target = { path: string } | { status: 400 | 403 | 405; refusal: string }

/** `target` as it stands in the request line. The path that is sent on is the very same text. */
export function vetTarget(method: string, target: string, basePath: string): Target {
  if (!METHODS.includes(method)) return { status: 405, refusal: `not forwarded: ${METHODS.join(', ')} only` }
  // Printable ASCII. An absolute URL would name another host, a backslash is a slash to some.
  if (!/^\/[!-~]*$/.test(target) || /[\\#]/.test(target)) {
    return { status: 400, refusal: 'not forwarded: not a path' }
  }
  const path = target.split('?', 1)[0] ?? ''
  const isBelow = path === basePath || path.startsWith(`${basePath}/`)
  if (isBelow && !climbs(path)) return { path: target }
  return { status: 403, refusal: `not forwarded: only what lies below ${basePath || '/'} is` }
}

/** Whether any reader of the path, however often it decodes, finds a `.` or `..` to follow. */
function climbs(path: string): boolean {
  let text = path
  for (let round = 0; round < MAX_DECODINGS; round += 1) {
    if (text.split(/[/\\;]/).some(segment => segment === '.' || segment === '..')) return true
    const decoded = text.replace(/%([0-9a-f]{2})/gi, (_, hex) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    )
    if (decoded === text) return false
    text = decoded
  }
  // Encoded more often than anybody does in good faith.
  return true
}
