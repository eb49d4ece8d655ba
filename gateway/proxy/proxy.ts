/** The last step of the pipeline: one call to the owning service, its answer streamed back unchanged. */
import type { AssertionSigner } from '@mogplex/kit/assertion/signer.ts'
import { ApiError, badRequest, unavailable } from '@mogplex/kit/errors.ts'
import type { Log } from '@mogplex/kit/log.ts'
import { isPagePath } from '@mogplex/kit/pages/page.ts'
import { CLIENT_IP_HEADER, IDENTITY_HEADER, REQUEST_ID_HEADER } from '@mogplex/proto/caller.ts'
import type { Route } from '@mogplex/proto/routes.ts'
import type { ServiceName } from '@mogplex/proto/services.ts'
import { assertedCaller, type Caller } from '../callers/caller.ts'
import type { Exchange } from '../exchange.ts'
import { forwardableHeaders, relayedHeaders } from '../headers.ts'
import type { Answer } from '../http/answer.ts'
import { MalformedMessage } from '../http/head.ts'
import type { UpstreamAnswer } from '../http/upstream/answer-reader.ts'
import { UpstreamBroke, type UpstreamRequest } from '../http/upstream/connection.ts'
import { createUpstreamPool, type UpstreamPool } from '../http/upstream/pool.ts'
import type { NormalPath } from '../path.ts'
import { Call } from './call.ts'
import { maxBodyBytes, takeBody } from './request-body.ts'
import { relayBody } from './response-body.ts'
import type { Watchdog } from './watchdog.ts'

export interface ProxyOptions {
  urls: Record<ServiceName, string>
  sign: AssertionSigner
  watchdog: Watchdog
  log: Log
  /** For a whole answer. */
  timeoutMs: number
  /** For the silence of a `stream` row. */
  idleTimeoutMs: number
  /** One more at once is refused with 503, so that they do not use up the connections of a service. */
  maxRequests: number
}

export interface ForwardOptions {
  exchange: Exchange
  row: Route
  caller: Caller
  path: NormalPath
  /** With its `?`, or empty. */
  query: string
  /** The body, where a step before had to read it. */
  body: Uint8Array | null
  /** Told the status when the last byte is through, if the answer is still under way when it is returned. */
  onEnd: (status: number) => void
}

export interface UpstreamProxy {
  /**
   * Resolves with the service's answer; a body of unknown or great length is still coming then and
   * `exchange.isUnderWay` is set. Throws 503 when the service does not answer in time, 413 for a streamed
   * body that grew too large, 500 for an answer that must not reach a client.
   */
  forward: (options: ForwardOptions) => Promise<Answer>
  /** Ends open event streams in good order: their clients reconnect and resume. */
  endEventStreams: () => void
  /** Ends the connections to all services. */
  close: () => void
}

export function createProxy(options: ProxyOptions): UpstreamProxy {
  const eventStreams = new Set<() => void>()
  const pools = createPools(options)
  let underWay = 0
  const onClose = () => {
    underWay -= 1
  }

  return {
    endEventStreams: () => {
      for (const finish of eventStreams) finish()
    },
    close: () => {
      for (const pool of Object.values(pools)) pool.close()
    },
    forward: async forward => {
      const { exchange, row } = forward
      if (underWay >= options.maxRequests) throw notAnswering(row.service)
      underWay += 1
      const limitMs = row.stream ? options.idleTimeoutMs : options.timeoutMs
      const client = exchange.request
      const call = new Call({ client, watchdog: options.watchdog, limitMs, onClose })
      try {
        const answer = await send(options, pools[row.service], forward, call)
        return relay(answer, forward, call, eventStreams)
      } catch (cause) {
        call.close()
        throw failureOf(cause, forward, options.log)
      } finally {
        if (exchange.owner) exchange.owner.ms = performance.now() - exchange.owner.askedAt
      }
    },
  }
}

function createPools({ urls, log }: ProxyOptions): Record<ServiceName, UpstreamPool> {
  const poolOf = (service: ServiceName) =>
    createUpstreamPool(urls[service], err => log.error({ event: 'upstream.bug', service, err }))
  return { identity: poolOf('identity'), projects: poolOf('projects'), runtime: poolOf('runtime') }
}

async function send(
  { sign }: ProxyOptions,
  pool: UpstreamPool,
  forward: ForwardOptions,
  call: Call,
): Promise<UpstreamAnswer> {
  const { exchange, row, path, query, caller } = forward
  const { method, headers: sent } = exchange.request
  const body = await bodyOf(forward, call)
  const headers = forwardableHeaders(sent, exchange.path)
  headers.add(IDENTITY_HEADER, await sign(row.service, assertedCaller(caller)))
  headers.add(REQUEST_ID_HEADER, exchange.requestId)
  headers.add(CLIENT_IP_HEADER, exchange.clientIp)

  exchange.owner = { askedAt: performance.now(), ms: 0 }
  const attempt = () => {
    const { answer, abort } = pool.ask({ method, target: path.encoded + query, headers, body })
    call.onAbort(abort)
    return answer
  }
  try {
    return await attempt()
  } catch (error) {
    // A kept connection may close just as it is used. Only what changes nothing is asked for again.
    const isRepeatable = method === 'GET' || method === 'HEAD'
    const isUnanswered = error instanceof UpstreamBroke && error.isUnanswered
    if (isRepeatable && isUnanswered && !call.isAborted) return attempt()
    throw error
  }
}

/** Most requests have none, and need not be watched while it comes. */
function bodyOf(
  { exchange: { request }, row, body }: ForwardOptions,
  call: Call,
): UpstreamRequest['body'] | Promise<UpstreamRequest['body']> {
  if (body) return body
  if (request.method === 'GET' || request.method === 'HEAD') return null
  return call.orAborted(takeBody(request, maxBodyBytes(row)))
}

function relay(
  answer: UpstreamAnswer,
  { exchange, row, onEnd }: ForwardOptions,
  call: Call,
  eventStreams: Set<() => void>,
): Answer {
  const { status, body } = answer
  const headers = relayedHeaders(answer.headers)
  const type = headers.get('content-type') ?? ''
  const isStream = body !== null && !(body instanceof Uint8Array)
  if (status >= 500 && !isJson(type) && !isPageOfOurs(exchange.path, type)) {
    if (isStream) body.cancel()
    throw new ApiError('INTERNAL_ERROR', 'Internal error', { cause: `${row.service} answered ${status}` })
  }
  if (!isStream) {
    call.close()
    return { status, headers, body }
  }
  exchange.isUnderWay = true
  const { source, finish } = relayBody(body, {
    onPart: row.stream ? () => call.touch() : () => undefined,
    onEnd: () => {
      eventStreams.delete(finish)
      call.close()
      onEnd(status)
    },
  })
  if (type.startsWith('text/event-stream')) eventStreams.add(finish)
  return { status, headers, body: source }
}

/** Services tell their errors as pages where people open them. */
function isPageOfOurs(path: string, contentType: string): boolean {
  return isPagePath(path) && contentType.startsWith('text/html')
}

function isJson(contentType: string): boolean {
  return /^application\/(?:[\w.-]+\+)?json\b/i.test(contentType)
}

function failureOf(cause: unknown, { exchange, row }: ForwardOptions, log: Log): ApiError {
  const { requestId, pattern, request } = exchange
  // What the client did wrong, and what nobody is left to read, is no failure of the service.
  if (cause instanceof ApiError && cause.status < 500) return cause
  if (cause instanceof MalformedMessage) return badRequest('Malformed body')
  if (!request.isGone) {
    log.warn({ event: 'upstream.failed', service: row.service, rid: requestId, route: pattern, err: cause })
  }
  return cause instanceof ApiError ? cause : notAnswering(row.service, cause)
}

function notAnswering(service: ServiceName, cause?: unknown): ApiError {
  return unavailable(`The ${service} service does not answer`, { retryAfterSeconds: 5, cause })
}
