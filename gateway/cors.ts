/**
 * Pages of other sites that may call with an access token (gateway spec 8). A token is no ambient credential:
 * the page has to know it. Cookies stay out of it, so `access-control-allow-credentials` is never sent.
 */
import type { Route } from '@mogplex/proto/routes.ts'
import type { GatewayRow } from './exchange.ts'
import type { Answer } from './http/answer.ts'
import type { HeaderFields } from './http/header-fields.ts'
import type { Target } from './match.ts'

const BEARS_TOKEN = /^\s*bearer +mog_/i

/** Whether some method of the path takes access tokens: only there preflights of other sites make sense. */
export function takesTokens({ rows }: Target<GatewayRow>): boolean {
  return rows.values().some(row => 'access' in row && TOKEN_CLASSES.has(row.access))
}

const TOKEN_CLASSES = new Set<Route['access']>(['generic', 'pat', 'optional'])

/**
 * Lets the page that called with a token read the answer, a refusal too, if its origin is one of `origins`.
 * Everything else is left as it is; in particular calls with a cookie.
 */
export function addCorsHeaders(answer: Answer, request: HeaderFields, origins: ReadonlySet<string>): void {
  if (origins.size === 0 || !BEARS_TOKEN.test(request.get('authorization') ?? '')) return
  answer.headers = answer.headers.copy()
  answer.headers.append('vary', 'origin')
  const origin = request.get('origin')
  if (origin !== null && origins.has(origin)) answer.headers.set('access-control-allow-origin', origin)
}
