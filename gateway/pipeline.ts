/** The fixed pipeline of gateway spec 1. The order of the steps is the contract: read it top to bottom. */
import { ApiError, badRequest, notFound } from '@mogplex/kit/errors.ts'
import type { Route } from '@mogplex/proto/routes.ts'
import type { AccessLog } from './access-log.ts'
import type { CallerResolver } from './callers/resolve.ts'
import type { SessionCookie } from './callers/session.ts'
import { addCorsHeaders, takesTokens } from './cors.ts'
import { bodyTooLarge, errorAnswer, methodNotAllowed } from './errors.ts'
import type { Exchange, GatewayRow, OwnAnswer } from './exchange.ts'
import { type Gates, gateOf } from './gates.ts'
import { finishHeaders } from './headers.ts'
import { type Answer, answerFrom } from './http/answer.ts'
import { declaredLength } from './http/framing.ts'
import type { HeaderFields } from './http/header-fields.ts'
import type { ServerRequest } from './http/server-request.ts'
import type { Limiter } from './limits/limiter.ts'
import { signInEmail } from './limits/sign-in-email.ts'
import type { Matcher, Target } from './match.ts'
import { isTrustedOrigin } from './origin.ts'
import { isSentToLogin, loginRedirect } from './pages.ts'
import type { NormalPath } from './path.ts'
import { checkMode, checkScope } from './policy.ts'
import { answerOptions } from './preflight.ts'
import type { UpstreamProxy } from './proxy/proxy.ts'
import { maxBodyBytes, readBody } from './proxy/request-body.ts'

export interface PipelineParts {
  match: Matcher<GatewayRow>
  gates: Gates
  resolveCaller: CallerResolver
  limiter: Limiter
  proxy: UpstreamProxy
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

/** `path` is null when step 2 refused it; step 1 has made the exchange. Never rejects. */
export type Pipeline = (exchange: Exchange, path: NormalPath | null, query: string) => Promise<Answer>

export function createPipeline(parts: PipelineParts): Pipeline {
  return async (exchange, path, query) => {
    const onEnd = (status: number) => parts.accessLog.record(exchange, status)
    let answer: Answer
    try {
      answer = await run(parts, exchange, path, query, onEnd)
    } catch (error) {
      if (!(error instanceof ApiError)) parts.reportBug(exchange, error)
      answer = errorAnswer(exchange, error)
    }
    finishHeaders(answer.headers, exchange, parts.cookie)
    addCorsHeaders(answer.headers, exchange.request.headers, parts.corsOrigins)
    // A service's answer ends when its last byte is through, and the proxy says so itself.
    if (!exchange.isUnderWay) onEnd(answer.status)
    return answer
  }
}

async function run(
  parts: PipelineParts,
  exchange: Exchange,
  path: NormalPath | null,
  query: string,
  onEnd: (status: number) => void,
): Promise<Answer> {
  const { request } = exchange
  const { method, headers } = request

  if (path === null) throw badRequest('Malformed path')
  const target = parts.match(path.segments)
  const row = target?.rows.get(method)
  checkDeclaredLength(headers, row)
  exchange.pattern = target?.pattern ?? null
  const gate = gateOf(parts.gates, path.segments, row)
  exchange.caller = gate && (await gate(exchange))
  if (!target || isGone(target)) throw notFound()
  if (method === 'OPTIONS') {
    return answerOptions(exchange, headers.get('origin'), target.allow, preflightOrigins(parts, target))
  }
  if (!row) return methodNotAllowed(exchange, target.allow)
  if ('answeredBy' in row) return answerFrom(await parts.own[row.answeredBy](request))

  const caller = exchange.caller ?? (await parts.resolveCaller(exchange, row))
  exchange.caller = caller

  const body = row.bucket === 'sign-in' ? await readBody(request, maxBodyBytes(row)) : null
  const failure = await parts.limiter.admit(exchange, row, caller, body && signInEmail(body))
  let status = 0
  try {
    if (isSentToLogin(row, caller.mode)) {
      return loginRedirect(path.encoded, query, headers.get('referer'), parts.publicOrigin)
    }
    checkMode(row, caller)
    checkScope(row, caller)
    checkOrigin(parts, request, row, caller.mode === 'session')
    const answer = await parts.proxy.forward({ exchange, row, caller, path, query, body, onEnd })
    status = answer.status
    return answer
  } finally {
    if (failure && status !== 401) await parts.limiter.giveBack(failure)
  }
}

function checkDeclaredLength(headers: HeaderFields, row: GatewayRow | undefined): void {
  const length = declaredLength(headers)
  const most = maxBodyBytes(row)
  if (length !== null && length > most) throw bodyTooLarge(most)
}

/** A path that only `gone` rows stand for looks like an unknown one, to OPTIONS and other methods too. */
function isGone({ rows }: Target<GatewayRow>): boolean {
  return rows.values().every(row => 'access' in row && row.access === 'gone')
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
