/** Cross-site request forgery: who may send changes with a session (gateway spec 7). */
import type { HeadersToRead } from './http/header-fields.ts'

const SAFE_METHODS = new Set(['GET', 'HEAD'])
const BODY_METHODS = new Set(['PUT', 'PATCH', 'DELETE'])

/** True when the request comes from one of our own pages, or from something that is not a browser. */
export function isTrustedOrigin(
  method: string,
  headers: HeadersToRead,
  trustedOrigins: ReadonlySet<string>,
): boolean {
  if (SAFE_METHODS.has(method)) return true
  const origin = headers.get('origin')
  if (origin !== null) return trustedOrigins.has(origin)
  const referer = headers.get('referer')
  if (referer !== null) return trustedOrigins.has(URL.parse(referer)?.origin ?? '')
  const site = headers.get('sec-fetch-site')
  if (site !== null) return site === 'same-origin' || site === 'none'
  // None of the three: not a browser of today. An old one could send a form, but neither of these.
  return BODY_METHODS.has(method) || isJson(headers) || isScripted(headers)
}

function isJson(headers: HeadersToRead): boolean {
  const type = headers.get('content-type')?.split(';')[0]
  return type?.trim().toLowerCase() === 'application/json'
}

function isScripted(headers: HeadersToRead): boolean {
  return headers.get('x-requested-with')?.toLowerCase() === 'xmlhttprequest'
}
