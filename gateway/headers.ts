/** Which headers cross the gateway, in both directions (gateway spec 9, 10). */

import { DEVICE_COOKIE } from '@mogplex/proto/caller.ts'
import type { SessionCookie } from './callers/session.ts'
import type { Exchange } from './exchange.ts'
import type { Answer } from './http/answer.ts'
import type { HeaderFields } from './http/header-fields.ts'
import type { LimitState } from './limits/limiter.ts'
import type { Bucket } from './limits/store.ts'
import { inTenths } from './milliseconds.ts'
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

/**
 * Who may read an answer, what is left of a limit, the request's id and that nobody may guess a type are the gateway's to
 * say (spec 6, 8, 10).
 */
const NOT_RELAYED = new Set([
  ...HOP_BY_HOP,
  ...['ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset', 'ratelimit-policy', 'ratelimit'],
  'x-request-id',
  'x-content-type-options',
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

/** The client's headers that a service gets to see, below `/api/auth/` or elsewhere; framing and our own come on top. */
export function forwardableHeaders(client: HeaderFields, isForSignIn: boolean): HeaderFields {
  const named = namedByConnection(client.get('connection'))
  const forwarded = client.filter(
    name => !DROPPED.has(name) && !DROPPED_PREFIXES.test(name) && !named?.has(name),
  )
  // A service must not choose an encoding that the client did not name.
  if (!forwarded.has('accept-encoding')) forwarded.append('accept-encoding', 'identity')
  const cookies = isForSignIn ? signInCookies(client.get('cookie')) : null
  if (cookies) forwarded.append('cookie', cookies)
  return forwarded
}

/** What a `Connection` header declares to be for this hop only; null in the usual case. */
function namedByConnection(connection: string | null): Set<string> | null {
  if (connection === null || connection === 'keep-alive') return null
  return new Set(connection.split(',').map(name => name.trim().toLowerCase()))
}

/** The browser-bound state of a sign-in by way of GitHub, and what makes a browser known, are identity's own (gateway spec 9). */
const SIGN_IN_COOKIE = new RegExp(`^(mogplex_oauth_|(__Host-)?${DEVICE_COOKIE}=)`)

function signInCookies(header: string | null): string | null {
  if (!header?.includes('mogplex_')) return null
  const pairs = header.split(';').map(pair => pair.trim())
  return pairs.filter(pair => SIGN_IN_COOKIE.test(pair)).join('; ') || null
}

/** The headers of a service's answer that reach the client. */
export function relayedHeaders(upstream: HeaderFields): HeaderFields {
  const named = namedByConnection(upstream.get('connection'))
  return upstream.filter(name => !NOT_RELAYED.has(name) && !named?.has(name))
}

/** Adds what every answer carries, wherever it was made. */
export function finishHeaders(answer: Answer, exchange: Exchange, cookie: SessionCookie): void {
  const { facts, limit, requestId } = exchange
  const typed = facts.kind === 'api' ? apiLines(answer.headers) : ''
  const limited = limit ? limitLines(limit) : ''
  answer.ownLines = `${typed}${limited}x-request-id: ${requestId}\r\nserver-timing: ${serverTiming(exchange)}\r\n`
  if (facts.kind === 'page') {
    answer.headers = answer.headers.copy()
    addPageHeaders(answer.headers)
  }
  if (exchange.setCookie === null) return
  // Identity's word on the session is newer than the lookup: a sign-out must not be undone by a rotation.
  if (answer.headers.getAll('set-cookie').some(cookie.isSetBy)) return
  answer.headers = answer.headers.copy()
  answer.headers.append('set-cookie', exchange.setCookie)
}

const NO_SNIFFING = 'x-content-type-options: nosniff\r\n'
const UNLESS_SAID = `cache-control: no-store\r\n${NO_SNIFFING}`

function apiLines(headers: HeaderFields): string {
  return headers.has('cache-control') ? NO_SNIFFING : UNLESS_SAID
}

const fixedLines = new WeakMap<Bucket, string>()

/** What is left of a limit, once as it is documented and once as draft-ietf-httpapi-ratelimit-headers-10 has it. */
function limitLines({ bucket, remaining, resetSeconds }: LimitState): string {
  let fixed = fixedLines.get(bucket)
  if (fixed === undefined) {
    const { name, limit, windowMs } = bucket
    fixed = `ratelimit-limit: ${limit}\r\nratelimit-policy: "${name}";q=${limit};w=${windowMs / 1000}\r\n`
    fixedLines.set(bucket, fixed)
  }
  const [left, seconds] = [String(remaining), String(resetSeconds)]
  const rest = `ratelimit-remaining: ${left}\r\nratelimit-reset: ${seconds}\r\n`
  return `${fixed}${rest}ratelimit: "${bucket.name}";r=${left};t=${seconds}\r\n`
}

/**
 * Who took how long until the answer began, in ms: the gateway with all it had to find out, and the owner of
 * the route where it got that far.
 */
function serverTiming({ startedAt, owner }: Exchange): string {
  const total = performance.now() - startedAt
  if (!owner) return `gateway;dur=${inTenths(total)}`
  return `gateway;dur=${inTenths(total - owner.ms)}, owner;dur=${inTenths(owner.ms)}`
}
