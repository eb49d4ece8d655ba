/** What a client is told when a call to a service went wrong. */
import { ApiError, unavailable } from '@mogplex/kit/errors.ts'
import type { Log } from '@mogplex/kit/log.ts'
import type { Route } from '@mogplex/proto/routes.ts'
import type { ServiceName } from '@mogplex/proto/services.ts'
import { malformedBody } from '../errors.ts'
import type { Exchange } from '../exchange.ts'
import { MalformedMessage } from '../http/head.ts'
import type { UpstreamAnswer } from '../http/upstream/answer-reader.ts'

/** Throws 500 in place of an answer that was not made for a client: a crash of a server, in whatever form. */
export function unlessHidden(
  { status, headers, body }: UpstreamAnswer,
  exchange: Exchange,
  row: Route,
): void {
  if (status < 500) return
  const type = headers.get('content-type') ?? ''
  // Services tell their errors as pages where people open them.
  if (isJson(type) || (exchange.facts.kind === 'page' && type.startsWith('text/html'))) return
  if (body && !(body instanceof Uint8Array)) body.cancel()
  throw new ApiError('INTERNAL_ERROR', 'Internal error', { cause: `${row.service} answered ${status}` })
}

function isJson(contentType: string): boolean {
  return /^application\/(?:[\w.-]+\+)?json\b/i.test(contentType)
}

/** The error for `cause`, which is logged where it is the service's. */
export function failureOf(cause: unknown, exchange: Exchange, row: Route, log: Log): ApiError {
  const { requestId, pattern, request } = exchange
  // What the client did wrong, and what nobody is left to read, is no failure of the service.
  if (cause instanceof ApiError && cause.status < 500) return cause
  if (cause instanceof MalformedMessage) return malformedBody()
  if (!request.isGone) {
    log.warn({ event: 'upstream.failed', service: row.service, rid: requestId, route: pattern, err: cause })
  }
  return cause instanceof ApiError ? cause : notAnswering(row.service, cause)
}

/** 503. */
export function notAnswering(service: ServiceName, cause?: unknown): ApiError {
  return unavailable(`The ${service} service does not answer`, { retryAfterSeconds: 5, cause })
}
