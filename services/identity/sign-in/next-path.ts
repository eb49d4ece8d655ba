/** Where a sign-in may send the browser (identity spec 10): a page of ours, never another site. */

const UNSAFE = /[\s\\\p{Cc}]/u
const FALLBACK = '/'

/**
 * `next` exactly as given when it is safe, else `/`. It is judged after one percent-decode, because that is
 * how the next hop reads it.
 *
 * @example
 * safeNextPath('/cli-auth?callback=http%3A%2F%2Flocalhost%3A45454%2Fcallback') // kept
 * safeNextPath('/%2F%2Fevil.test') // '/'
 */
export function safeNextPath(next: string | null | undefined): string {
  if (!next?.startsWith('/')) return FALLBACK
  const decoded = decodeOnce(next)
  if (decoded === null || !decoded.startsWith('/') || decoded.startsWith('//')) return FALLBACK
  if (UNSAFE.test(decoded)) return FALLBACK
  // A browser folds `.` and `..` away and could arrive at one of the excluded places after all.
  if (decoded.split(/[/?#]/).some(segment => segment === '..' || segment === '.')) return FALLBACK
  if (decoded.startsWith('/api/') || decoded.startsWith('/login')) return FALLBACK
  return next
}

function decodeOnce(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    // Not decodable is one of the reasons to refuse it.
    return null
  }
}
