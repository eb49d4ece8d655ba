/**
 * Step 7 of the pipeline: the first credential that is present decides who calls; later ones are not
 * consulted (gateway spec 2). A bad token is 401 and never a fall-through to the cookie beside it.
 */
import type { Asker } from '@mogplex/kit/bus/ask.ts'
import { ApiError, unavailable } from '@mogplex/kit/errors.ts'
import { sha256Hex } from '@mogplex/kit/ids.ts'
import type { Ask, ReplyOf, RequestOf } from '@mogplex/proto/contract.ts'
import { resolvePat, resolveSession } from '@mogplex/proto/identity.ts'
import type { Route } from '@mogplex/proto/routes.ts'
import type { Exchange } from '../exchange.ts'
import { ANONYMOUS, type Caller, WEBHOOK } from './caller.ts'
import { isWellFormedPat, presentedPat } from './pat.ts'
import { isWellFormedSessionToken, type SessionCookie } from './session.ts'
import type { TestMode } from './test-mode.ts'

export interface ResolveOptions {
  ask: Asker
  cookie: SessionCookie
  testMode: TestMode
  /** Counts a bad credential; throws 429 when the address presented too many. */
  countFailure: (exchange: Exchange) => Promise<void>
}

export type CallerResolver = (exchange: Exchange, row: Route) => Promise<Caller>

/**
 * Resolves with the caller, who may turn out not to be welcome here (step 9 decides). Throws 400 for two
 * `Authorization` headers, 401 for a bad token, 503 when identity does not answer.
 *
 * An invalid cookie makes an anonymous caller, and the response clears it: whether that is enough is the
 * row's business, and the anonymous budget applies either way.
 */
export function createCallerResolver(options: ResolveOptions): CallerResolver {
  return async (exchange, row) => {
    if (row.access === 'webhook') return WEBHOOK
    const { headers } = exchange.request
    const token = presentedPat(headers.get('authorization'))
    if (row.access === 'public') {
      return row.readsSession ? sessionCaller(exchange, options) : ANONYMOUS
    }
    if (token !== null) return patCaller(token, exchange, options)
    // On v1 neither test headers nor a cookie are credentials at all: they are not even looked up.
    if (row.access === 'pat') return ANONYMOUS
    return (await options.testMode.resolve(exchange)) ?? sessionCaller(exchange, options)
  }
}

async function patCaller(token: string, exchange: Exchange, options: ResolveOptions): Promise<Caller> {
  const found = isWellFormedPat(token)
    ? await askIdentity(resolvePat, { tokenHash: sha256Hex(token) }, exchange, options)
    : null
  if (found?.status === 'valid')
    return { mode: 'pat', userId: found.userId, keyId: found.keyId, scopes: found.scopes }
  await options.countFailure(exchange)
  throw unauthorized()
}

async function sessionCaller(exchange: Exchange, options: ResolveOptions): Promise<Caller> {
  const token = options.cookie.read(exchange.request.headers.get('cookie'))
  if (token === null) return ANONYMOUS
  const found = isWellFormedSessionToken(token)
    ? await askIdentity(resolveSession, { tokenHash: sha256Hex(token) }, exchange, options)
    : null
  if (found?.status !== 'valid') {
    exchange.setCookie = options.cookie.cleared
    return ANONYMOUS
  }
  exchange.setCookie = found.replacementCookie
  return { mode: 'session', userId: found.userId, sessionId: found.sessionId }
}

/** Whatever goes wrong with the lookup is our fault, not the caller's: 503, never 401. */
async function askIdentity<Contract extends Ask>(
  contract: Contract,
  request: RequestOf<Contract>,
  { requestId }: Exchange,
  { ask }: ResolveOptions,
): Promise<ReplyOf<Contract>> {
  try {
    return await ask(contract, request, { requestId })
  } catch (cause) {
    throw unavailable('Authentication is unavailable', { retryAfterSeconds: 60, cause })
  }
}

/** The one 401, whatever was wrong with the credential. */
export function unauthorized(): ApiError {
  return new ApiError('UNAUTHORIZED', 'Unauthorized')
}
