/** The fixed pipeline of gateway spec 1. The order of the steps is the contract: read it top to bottom. */
import { ApiError, badRequest, notFound } from '@mogplex/kit/errors.ts'
import { type Soon, whenThere } from '@mogplex/kit/soon.ts'
import type { Route } from '@mogplex/proto/routes.ts'
import type { AccessLog } from './access-log.ts'
import type { Caller } from './callers/caller.ts'
import type { CallerResolver } from './callers/resolve.ts'
import type { SessionCookie } from './callers/session.ts'
import { addCorsHeaders, takesTokens } from './cors.ts'
import { bodyTooLarge, errorAnswer, methodNotAllowed } from './errors.ts'
import type { Exchange, GatewayRow, OwnAnswer } from './exchange.ts'
import type { FieldFacts } from './field-facts.ts'
import type { Gates } from './gates.ts'
import { finishHeaders } from './headers.ts'
import { type Answer, answerFrom, isSource } from './http/answer.ts'
import type { ServerRequest } from './http/server-request.ts'
import { currentPasswordKeys, type SignInAttempt } from './limits/guess-keys.ts'
import type { GuessKey, Limiter } from './limits/limiter.ts'
import { signInEmail } from './limits/sign-in-email.ts'
import type { Target } from './match.ts'
import { isTrustedOrigin } from './origin.ts'
import { isSentToLogin, loginRedirect } from './pages.ts'
import { checkMode, checkScope } from './policy.ts'
import { answerOptions } from './preflight.ts'
import type { ProxyEvents, UpstreamProxy } from './proxy/proxy.ts'
import { type BodyReader, maxBodyBytes } from './proxy/request-body.ts'

export interface PipelineParts {
  gates: Gates
  resolveCaller: CallerResolver
  limiter: Limiter
  /** For a step that has to look into a body. */
  readBody: BodyReader
  signInKeys: (attempt: SignInAttempt) => Promise<GuessKey[]>
  /** Tells the pipeline what became of a request that it took. */
  createProxy: (events: ProxyEvents) => UpstreamProxy
  cookie: SessionCookie
  /** What the gateway answers itself. */
  own: Record<OwnAnswer, (request: ServerRequest) => Response | Promise<Response>>
  publicOrigin: string
  trustedOrigins: ReadonlySet<string>
  corsOrigins: ReadonlySet<string>
  accessLog: AccessLog
  /** Told of errors nobody threw on purpose. */
  reportBug: (exchange: Exchange, error: unknown) => void
}

/** Step 1 has made the exchange. Sees to it that its request is answered; never throws. */
export interface Pipeline {
  run: (exchange: Exchange) => void
  proxy: UpstreamProxy
}

/** What every step has at hand. */
type Steps = PipelineParts & { proxy: UpstreamProxy }

/** An answer of the gateway's own; null when the owning service is asked, and the proxy tells its answer. */
type Outcome = Answer | null

export function createPipeline(parts: PipelineParts): Pipeline {
  const finish = (exchange: Exchange, answer: Answer) => {
    try {
      finishHeaders(answer, exchange, parts.cookie)
      addCorsHeaders(answer, exchange.request.headers, parts.corsOrigins)
    } catch (error) {
      // Nobody further out could still answer.
      parts.reportBug(exchange, error)
      if (isSource(answer.body)) answer.body.cancel()
      exchange.request.respond(errorAnswer(exchange, error))
      return
    }
    // A service's answer ends when its last byte is through, and the proxy says so itself.
    if (!exchange.isUnderWay) parts.accessLog.record(exchange, answer.status)
    exchange.request.respond(answer)
  }
  const conclude = (exchange: Exchange, answer: Answer) => {
    const { guessCharges } = exchange
    if (guessCharges.length === 0 || isWrongGuess(exchange, answer)) finish(exchange, answer)
    // Whoever reads the answer may try again at once.
    else Promise.all(guessCharges.map(parts.limiter.giveBack)).then(() => finish(exchange, answer))
  }
  const refuse = (exchange: Exchange, error: unknown) => {
    if (!(error instanceof ApiError)) parts.reportBug(exchange, error)
    conclude(exchange, errorAnswer(exchange, error))
  }
  const proxy = parts.createProxy({
    onAnswer: conclude,
    onFailure: refuse,
    onEnd: parts.accessLog.record,
  })
  const steps = { ...parts, proxy }
  const run = (exchange: Exchange) => {
    try {
      const outcome = admitByGate(steps, exchange)
      if (outcome instanceof Promise) {
        outcome.then(
          answer => answer && conclude(exchange, answer),
          error => refuse(exchange, error),
        )
      } else if (outcome) conclude(exchange, outcome)
    } catch (error) {
      refuse(exchange, error)
    }
  }
  return { run, proxy }
}

/**
 * Steps 2 to 5. Each step goes on to the next, at once where nothing has to be waited for: a promise for each of them
 * would cost more than the steps.
 */
function admitByGate(steps: Steps, exchange: Exchange): Soon<Outcome> {
  const { path, target, row } = exchange.facts
  if (path === null) throw badRequest('Malformed path')
  checkDeclaredLength(exchange.facts.fields, row)
  exchange.pattern = target?.pattern ?? null
  const { gate } = exchange.facts
  if (gate === null) return findRow(steps, exchange)
  return steps.gates[gate](exchange).then(caller => {
    exchange.caller = caller
    return findRow(steps, exchange)
  })
}

function findRow(steps: Steps, exchange: Exchange): Soon<Outcome> {
  const { request, facts } = exchange
  const { target, row } = facts
  if (!target || target.isGone) throw notFound()
  if (request.method === 'OPTIONS') {
    const origins = preflightOrigins(steps, target)
    return answerOptions(exchange, request.headers.get('origin'), target.allow, origins)
  }
  if (!row) return methodNotAllowed(exchange, target.allow)
  if ('answeredBy' in row) return whenThere(steps.own[row.answeredBy](request), answerFrom)
  return identify(steps, exchange, row)
}

/** Step 7. */
function identify(steps: Steps, exchange: Exchange, row: Route): Soon<Outcome> {
  const caller = exchange.caller ?? steps.resolveCaller(exchange, row)
  return caller instanceof Promise
    ? caller.then(found => countIn(steps, exchange, row, found))
    : countIn(steps, exchange, row, caller)
}

/** Step 8. */
function countIn(steps: Steps, exchange: Exchange, row: Route, caller: Caller): Soon<Outcome> {
  exchange.caller = caller
  if (row.bucket === 'sign-in') return countSignIn(steps, exchange, row, caller)
  if (row.bucket === 'password') return countPassword(steps, exchange, row, caller)
  const charges = steps.limiter.admit(exchange, row, caller)
  return charges instanceof Promise
    ? charges.then(() => pass(steps, exchange, row, caller, null))
    : pass(steps, exchange, row, caller, null)
}

/** Sign-ins count by their e-mail address, too; nobody has their body read who is over budget already. */
async function countSignIn(steps: Steps, exchange: Exchange, row: Route, caller: Caller): Promise<Outcome> {
  const charges = await steps.limiter.admit(exchange, row, caller)
  const body = await steps.readBody(exchange.request, maxBodyBytes(row))
  const { request, requestId } = exchange
  const attempt = { cookies: request.headers.get('cookie'), email: signInEmail(body), requestId }
  exchange.guessCharges = await steps.limiter.admitGuess(exchange, await steps.signInKeys(attempt), charges)
  return pass(steps, exchange, row, caller, body)
}

/** A session that was left open, or stolen, is no licence to guess. */
async function countPassword(steps: Steps, exchange: Exchange, row: Route, caller: Caller): Promise<Outcome> {
  const charges = await steps.limiter.admit(exchange, row, caller)
  exchange.guessCharges = await steps.limiter.admitGuess(exchange, currentPasswordKeys(caller), charges)
  return pass(steps, exchange, row, caller, null)
}

/** How identity says so: to whoever signs in, and to somebody who is signed in. */
function isWrongGuess({ facts: { row } }: Exchange, { status }: Answer): boolean {
  const isInSession = row && 'bucket' in row && row.bucket === 'password'
  return status === (isInSession ? 403 : 401)
}

/** Steps 9 to 11. `body` is there where a step before had to read it. */
function pass(
  steps: Steps,
  exchange: Exchange,
  row: Route,
  caller: Caller,
  body: Uint8Array | null,
): Outcome {
  const { request, facts } = exchange
  if (isSentToLogin(row, caller.mode)) {
    return loginRedirect(facts.forwardedTarget, request.headers.get('referer'), steps.publicOrigin)
  }
  checkMode(row, caller)
  checkScope(row, caller)
  checkOrigin(steps, request, row, caller.mode === 'session')
  steps.proxy.forward(exchange, row, caller, body)
  return null
}

function checkDeclaredLength({ declaredLength }: FieldFacts, row: GatewayRow | undefined): void {
  const most = maxBodyBytes(row)
  if (declaredLength !== null && declaredLength > most) throw bodyTooLarge(most)
}

function preflightOrigins(parts: PipelineParts, target: Target<GatewayRow>): ReadonlySet<string> {
  const own = new Set([parts.publicOrigin])
  return takesTokens(target) ? own.union(parts.corsOrigins) : own
}

function checkOrigin(parts: PipelineParts, request: ServerRequest, row: Route, hasSession: boolean): void {
  if (!hasSession && !row.checkOrigin) return
  if (isTrustedOrigin(request.method, request.headers, parts.trustedOrigins)) return
  throw new ApiError('FORBIDDEN', 'Origin not allowed')
}
