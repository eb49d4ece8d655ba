/** The last step of the pipeline: one call to the owning service, its answer streamed back unchanged. */
import type { AssertionSigner } from '@mogplex/kit/assertion/signer.ts'
import { ApiError, unavailable } from '@mogplex/kit/errors.ts'
import type { Log } from '@mogplex/kit/log.ts'
import { isPagePath } from '@mogplex/kit/pages/page.ts'
import { CLIENT_IP_HEADER, IDENTITY_HEADER, REQUEST_ID_HEADER } from '@mogplex/proto/caller.ts'
import type { Route } from '@mogplex/proto/routes.ts'
import type { ServiceName } from '@mogplex/proto/services.ts'
import { assertedCaller, type Caller } from '../callers/caller.ts'
import type { Exchange } from '../exchange.ts'
import { forwardableHeaders, relayedHeaders } from '../headers.ts'
import type { NormalPath } from '../path.ts'
import { type Call, openCall } from './call.ts'
import { maxBodyBytes, NO_BODY, type RequestBody, takeBody } from './request-body.ts'
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
  /** One more at once is refused with 503: the client library would queue it behind endless streams. */
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
  body: Uint8Array<ArrayBuffer> | null
  /** Told the status when the last byte is through, if the answer is still under way when it is returned. */
  onEnd: (status: number) => void
}

export interface UpstreamProxy {
  /**
   * Resolves with the service's answer; a body of unknown or great length is still coming then and
   * `exchange.isUnderWay` is set. Throws 503 when the service does not answer in time, 413 for a streamed
   * body that grew too large, 500 for an answer that must not reach a client.
   */
  forward: (options: ForwardOptions) => Promise<Response>
  /** Ends open event streams in good order: their clients reconnect and resume. */
  endEventStreams: () => void
}

/** Up to here an answer of known length is collected and keeps its `Content-Length`. */
const COLLECTED_BYTES = 65_536

export function createProxy(options: ProxyOptions): UpstreamProxy {
  const eventStreams = new Set<() => void>()
  let underWay = 0

  return {
    endEventStreams: () => {
      for (const finish of eventStreams) finish()
    },
    forward: async forward => {
      const { exchange, row } = forward
      if (underWay >= options.maxRequests) throw notAnswering(row.service)
      underWay += 1
      if (row.stream) exchange.keepOpen()
      const limitMs = row.stream ? options.idleTimeoutMs : options.timeoutMs
      const call = openCall(exchange.request.signal, options.watchdog, limitMs, () => {
        underWay -= 1
      })
      try {
        const upstream = await send(options, forward, call)
        return await relay(upstream, forward, call, eventStreams)
      } catch (cause) {
        call.close()
        throw failureOf(cause, call, forward, options.log)
      } finally {
        if (exchange.owner) exchange.owner.ms = performance.now() - exchange.owner.askedAt
      }
    },
  }
}

async function send(options: ProxyOptions, forward: ForwardOptions, call: Call): Promise<Response> {
  const { exchange, row, path, query, caller } = forward
  const { request } = exchange
  const body = await bodyOf(forward, call)
  const headers = forwardableHeaders(request.headers, exchange.path)
  headers[IDENTITY_HEADER] = await options.sign(row.service, assertedCaller(caller))
  headers[REQUEST_ID_HEADER] = exchange.requestId
  headers[CLIENT_IP_HEADER] = exchange.clientIp
  if (body.length !== null) headers['content-length'] = String(body.length)

  const url = `${options.urls[row.service]}${path.encoded}${query}`
  exchange.owner = { askedAt: performance.now(), ms: 0 }
  const attempt = () =>
    fetch(url, {
      method: request.method,
      headers,
      body: body.content,
      redirect: 'manual',
      decompress: false,
      signal: call.signal,
    })
  try {
    return await attempt()
  } catch (error) {
    // A kept connection may close just as it is used. Only what changes nothing is asked for again.
    const isRepeatable = request.method === 'GET' || request.method === 'HEAD'
    if (isRepeatable && isReset(error) && !call.signal.aborted) return attempt()
    throw error
  }
}

/** Most requests have none, and need not be watched while it comes. */
function bodyOf(
  { exchange: { request }, row, body }: ForwardOptions,
  call: Call,
): RequestBody | Promise<RequestBody> {
  if (body) return { content: body, length: body.byteLength }
  if (request.method === 'GET' || request.method === 'HEAD') return NO_BODY
  return call.orAborted(takeBody(request, maxBodyBytes(row)))
}

function isReset(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ECONNRESET'
}

async function relay(
  upstream: Response,
  { exchange, row, onEnd }: ForwardOptions,
  call: Call,
  eventStreams: Set<() => void>,
): Promise<Response> {
  const { status } = upstream
  const headers = relayedHeaders(upstream.headers)
  const type = headers.get('content-type') ?? ''
  if (status >= 500 && !isJson(type) && !isPageOfOurs(exchange.path, type)) {
    await upstream.body?.cancel()
    throw new ApiError('INTERNAL_ERROR', 'Internal error', { cause: `${row.service} answered ${status}` })
  }
  if (exchange.request.method === 'HEAD' || status === 204 || status === 304 || !upstream.body) {
    call.close()
    return new Response(null, { status, headers })
  }
  const length = headers.get('content-length')
  if (length !== null && Number(length) <= COLLECTED_BYTES) {
    const bytes = await upstream.arrayBuffer()
    call.close()
    return new Response(bytes, { status, headers })
  }
  exchange.isUnderWay = true
  const { stream, finish } = relayBody(upstream.body, {
    onChunk: row.stream ? call.touch : () => undefined,
    onEnd: () => {
      eventStreams.delete(finish)
      call.close()
      onEnd(status)
    },
    onCancel: call.abort,
  })
  if (type.startsWith('text/event-stream')) eventStreams.add(finish)
  return new Response(stream, { status, headers })
}

/** Services tell their errors as pages where people open them. */
function isPageOfOurs(path: string, contentType: string): boolean {
  return isPagePath(path) && contentType.startsWith('text/html')
}

function isJson(contentType: string): boolean {
  return /^application\/(?:[\w.-]+\+)?json\b/i.test(contentType)
}

function failureOf(cause: unknown, call: Call, { exchange, row }: ForwardOptions, log: Log): ApiError {
  const { requestId, pattern } = exchange
  // What the client did wrong, and what nobody is left to read, is no failure of the service.
  if (cause instanceof ApiError && cause.status < 500) return cause
  if (!call.isClientGone()) {
    log.warn({ event: 'upstream.failed', service: row.service, rid: requestId, route: pattern, err: cause })
  }
  return cause instanceof ApiError ? cause : notAnswering(row.service, cause)
}

function notAnswering(service: ServiceName, cause?: unknown): ApiError {
  return unavailable(`The ${service} service does not answer`, { retryAfterSeconds: 5, cause })
}
