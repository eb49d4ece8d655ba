/** Which headers cross the gateway, in both directions (gateway spec 9, 10). */

import { isPagePath } from '@mogplex/kit/pages/page.ts'
import type { SessionCookie } from './callers/session.ts'
import type { Exchange } from './exchange.ts'
import type { HeaderFields } from './http/header-fields.ts'
import type { LimitState } from './limits/limiter.ts'
import { addPageHeaders } from './pages.ts'

const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]

/** Who may read an answer, what is left of a limit and the request's id are the gateway's to say (spec 6, 8, 10). */
const NOT_RELAYED = new Set([
  ...HOP_BY_HOP,
  ...['ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset', 'ratelimit-policy', 'ratelimit'],
  'x-request-id',
  'access-control-allow-origin',
  'access-control-allow-credentials',
])

/** Never forwarded: hop-by-hop, credentials, and whatever could be taken for a statement of ours. */
const DROPPED = new Set([
  ...HOP_BY_HOP,
  'x-request-id',
  'authorization',
  'cookie',
  'host',
  'content-length',
  'expect',
  'http2-settings',
  'forwarded',
  'x-delegated-user-id',
  'x-user-id',
  'x-real-ip',
])
const DROPPED_PREFIXES = /^(?:x-mogplex-|x-forwarded-|nats-)/

/** The client's headers that a service gets to see; framing and our own come on top. */
export function forwardableHeaders(client: HeaderFields, path: string): HeaderFields {
  const named = namedByConnection(client.get('connection'))
  const forwarded = client.filter(
    name => !DROPPED.has(name) && !DROPPED_PREFIXES.test(name) && !named?.has(name),
  )
  // A service must not choose an encoding that the client did not name.
  if (!forwarded.has('accept-encoding')) forwarded.append('accept-encoding', 'identity')
  const cookies = oauthCookies(client.get('cookie'), path)
  if (cookies) forwarded.append('cookie', cookies)
  return forwarded
}

/** What a `Connection` header declares to be for this hop only; null in the usual case. */
function namedByConnection(connection: string | null): Set<string> | null {
  if (connection === null || connection === 'keep-alive') return null
  return new Set(connection.split(',').map(name => name.trim().toLowerCase()))
}

/** The browser-bound state of a sign-in by way of GitHub is identity's own (gateway spec 9). */
function oauthCookies(header: string | null, path: string): string | null {
  if (!header?.includes('mogplex_oauth_') || !path.startsWith('/api/auth/')) return null
  const own = header.split(';').filter(pair => pair.trim().startsWith('mogplex_oauth_'))
  return own.map(pair => pair.trim()).join('; ') || null
}

/** The headers of a service's answer that reach the client. */
export function relayedHeaders(upstream: HeaderFields): HeaderFields {
  const named = namedByConnection(upstream.get('connection'))
  return upstream.filter(name => !NOT_RELAYED.has(name) && !named?.has(name))
}

/** Adds what every answer carries, wherever it was made. */
export function finishHeaders(headers: HeaderFields, exchange: Exchange, cookie: SessionCookie): void {
  headers.add('x-request-id', exchange.requestId)
  if (exchange.path.startsWith('/api/')) {
    if (!headers.has('cache-control')) headers.add('cache-control', 'no-store')
    headers.set('x-content-type-options', 'nosniff')
  } else if (isPagePath(exchange.path)) addPageHeaders(headers)
  if (exchange.limit) addLimit(headers, exchange.limit)
  headers.add('server-timing', serverTiming(exchange))
  if (exchange.setCookie === null) return
  // Identity's word on the session is newer than the lookup: a sign-out must not be undone by a rotation.
  if (!headers.getAll('set-cookie').some(cookie.isSetBy)) headers.append('set-cookie', exchange.setCookie)
}

function addLimit(headers: HeaderFields, { bucket, remaining, resetSeconds }: LimitState): void {
  const { name, limit, windowMs } = bucket
  headers.add('ratelimit-limit', limit)
  headers.add('ratelimit-remaining', remaining)
  headers.add('ratelimit-reset', resetSeconds)
  // The same as draft-ietf-httpapi-ratelimit-headers-10 says it.
  headers.add('ratelimit-policy', `"${name}";q=${limit};w=${windowMs / 1000}`)
  headers.add('ratelimit', `"${name}";r=${remaining};t=${resetSeconds}`)
}

/**
 * Who took how long until the answer began, in ms: the gateway with all it had to find out, and the owner of
 * the route where it got that far.
 */
function serverTiming({ startedAt, owner }: Exchange): string {
  const total = performance.now() - startedAt
  const gateway = `gateway;dur=${inTenths(total - (owner?.ms ?? 0))}`
  return owner ? `${gateway}, owner;dur=${inTenths(owner.ms)}` : gateway
}

/** Finer would say more about the machine than about the request. */
function inTenths(ms: number): number {
  return Math.round(ms * 10) / 10
}
