/**
 * Step 7 of the pipeline: the first credential that is present decides who calls; later ones are not
 * consulted (gateway spec 2). A bad token is 401 and never a fall-through to the cookie beside it.
 */
import { ApiError, unavailable } from '@mogplex/kit/errors.ts'
import { sha256Hex } from '@mogplex/kit/ids.ts'
import { type Soon, whenThere } from '@mogplex/kit/soon.ts'
import type { Ask, ReplyOf, RequestOf } from '@mogplex/proto/contract.ts'
import { resolvePat, resolveSession } from '@mogplex/proto/identity.ts'
import type { Route } from '@mogplex/proto/routes.ts'
import type { Exchange } from '../exchange.ts'
import type { CachingAsker } from './cache/caching-asker.ts'
import { ANONYMOUS, type Caller, WEBHOOK } from './caller.ts'
import type { PresentedPat } from './pat.ts'
import { isWellFormedSessionToken, type SessionCookie } from './session.ts'
import type { TestMode } from './test-mode.ts'

export interface ResolveOptions {
  ask: CachingAsker
  cookie: SessionCookie
  testMode: TestMode
  /** Counts a bad credential; throws 429 when the address presented too many. */
  countFailure: (exchange: Exchange) => Promise<void>
}

export type CallerResolver = (exchange: Exchange, row: Route) => Soon<Caller>

/**
 * Gives the caller, who may turn out not to be welcome here (step 9 decides). Throws 400 for two
 * `Authorization` headers, 401 for a bad token, 503 when identity does not answer.
 *
 * An invalid cookie makes an anonymous caller, and the response clears it: whether that is enough is the
 * row's business, and the anonymous budget applies either way.
 */
export function createCallerResolver(options: ResolveOptions): CallerResolver {
  return (exchange, row) => {
    if (row.access === 'webhook') return WEBHOOK
    const { pat } = exchange.facts.fields
    if (row.access === 'public') {
      return row.readsSession ? sessionCaller(exchange, options) : ANONYMOUS
    }
    if (pat) return patCaller(pat, exchange, options)
    // On v1 neither test headers nor a cookie are credentials at all: they are not even looked up.
    if (row.access === 'pat') return ANONYMOUS
    return whenThere(options.testMode.resolve(exchange), named => named ?? sessionCaller(exchange, options))
  }
}

function patCaller({ tokenHash }: PresentedPat, exchange: Exchange, options: ResolveOptions): Soon<Caller> {
  if (tokenHash === null) return refuse(exchange, options)
  const found = askIdentity(resolvePat, { tokenHash }, exchange, options)
  return whenThere<ReplyOf<typeof resolvePat>, Caller>(found, reply =>
    reply.status === 'valid' ? callerOf(reply) : refuse(exchange, options),
  )
}

type ValidPat = ReplyOf<typeof resolvePat> & { status: 'valid' }

const callers = new WeakMap<ValidPat, Caller>()

/** The same object for the same answer, so that others can remember what they found out about it. */
function callerOf(reply: ValidPat): Caller {
  const known = callers.get(reply)
  if (known) return known
  const { userId, keyId, scopes } = reply
  const caller: Caller = { mode: 'pat', userId, keyId, scopes }
  callers.set(reply, caller)
  return caller
}

async function refuse(exchange: Exchange, { countFailure }: ResolveOptions): Promise<never> {
  await countFailure(exchange)
  throw unauthorized()
}

function sessionCaller(exchange: Exchange, options: ResolveOptions): Soon<Caller> {
  const token = options.cookie.read(exchange.request.headers.get('cookie'))
  if (token === null) return ANONYMOUS
  const found = isWellFormedSessionToken(token)
    ? askIdentity(resolveSession, { tokenHash: sha256Hex(token) }, exchange, options)
    : null
  return whenThere<ReplyOf<typeof resolveSession> | null, Caller>(found, reply => {
    const isValid = reply?.status === 'valid'
    exchange.setCookie = isValid ? reply.replacementCookie : options.cookie.cleared
    return isValid ? { mode: 'session', userId: reply.userId, sessionId: reply.sessionId } : ANONYMOUS
  })
}

/** Whatever goes wrong with the lookup is our fault, not the caller's: 503, never 401. */
function askIdentity<Contract extends Ask>(
  contract: Contract,
  request: RequestOf<Contract>,
  { requestId }: Exchange,
  { ask }: ResolveOptions,
): Soon<ReplyOf<Contract>> {
  const reply = ask(contract, request, { requestId })
  if (!(reply instanceof Promise)) return reply
  return reply.catch(cause => {
    throw unavailable('Authentication is unavailable', { retryAfterSeconds: 60, cause })
  })
}

/** The one 401, whatever was wrong with the credential. */
export function unauthorized(): ApiError {
  return new ApiError('UNAUTHORIZED', 'Unauthorized')
}
