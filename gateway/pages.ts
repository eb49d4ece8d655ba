/** What is different about the paths that people open in a browser (gateway spec 3, 10, 11). */
import { contentSecurityPolicy, isPagePath } from '@mogplex/kit/pages/page.ts'
import type { Route } from '@mogplex/proto/routes.ts'
import type { Exchange } from './exchange.ts'
import { type Answer, emptyAnswer } from './http/answer.ts'
import type { HeaderFields } from './http/header-fields.ts'

/**
 * Whether an error of this request is told as a page: on a page's path, and on an unknown one if a browser
 * opens it; programs get JSON there.
 */
export function answersWithPage({ path, pattern, request }: Exchange): boolean {
  if (!isPagePath(path)) return false
  return pattern !== null || /\btext\/html\b/.test(request.headers.get('accept') ?? '')
}

/**
 * Where somebody without a session is sent from `target`, which is path and query, and comes back to after signing in. A reader who was on a page of ours had a session, and it has ended.
 */
export function loginRedirect(target: string, referer: string | null, publicOrigin: string): Answer {
  const wasHere = referer !== null && URL.parse(referer)?.origin === publicOrigin
  const next = encodeURIComponent(target)
  const location = `/login?${wasHere ? 'expired=true&' : ''}next=${next}`
  return emptyAnswer(302, { location })
}

/** Whether a caller without a session is sent to sign in first. Whoever shows a token does not count as one. */
export function isSentToLogin(row: Route, mode: string): boolean {
  return row.redirectsToLogin === true && mode === 'anonymous'
}

/** What pages carry beside what a service gave them; its own policy stays. */
export function addPageHeaders(headers: HeaderFields): void {
  headers.set('x-content-type-options', 'nosniff')
  headers.set('referrer-policy', 'no-referrer')
  if (!headers.has('content-security-policy')) headers.set('content-security-policy', PAGE_POLICY)
  if (!headers.has('cache-control')) headers.set('cache-control', 'no-store')
}

const PAGE_POLICY = contentSecurityPolicy()
