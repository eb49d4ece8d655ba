/** The socket side: Bun's server, step 1 and the first half of step 2 of the pipeline. */
import type { Server } from 'bun'
import { clientIp, type TrustedProxies } from './client-ip.ts'
import type { Exchange } from './exchange.ts'
import { MAX_SEGMENTS, normalisePath } from './path.ts'
import type { Pipeline } from './pipeline.ts'
import { requestIdOf } from './request-id.ts'

export interface ServerOptions {
  host: string
  port: number
  isTrustedProxy: TrustedProxies
  pipeline: Pipeline
}

type SentParameters = Partial<Record<string, string>>
type Handler = (request: Request & { params?: SentParameters }, server: Server<unknown>) => Promise<Response>

/** Longer than any answer that is not a stream may take, so that this limit never cuts one off. */
const IDLE_TIMEOUT_SECONDS = 60
/** Far above every body limit: those are the pipeline's, which answers in the envelope. */
const MAX_REQUEST_BODY_BYTES = 64 * 1024 * 1024

/** Starts to listen. */
export function startServer({ host, port, isTrustedProxy, pipeline }: ServerOptions): Server<unknown> {
  const handle = (names: readonly string[] | null): Handler => {
    return (request, server) => {
      const { path, query } = splitUrl(request.url)
      const sent = names?.map(name => request.params?.[name] ?? '') ?? null
      const normal = sent ? normalisePath(path, sent) : normaliseUnrouted(path)
      const peer = server.requestIP(request)?.address ?? ''
      const exchange: Exchange = {
        request,
        requestId: requestIdOf(request.headers.get('x-request-id')),
        clientIp: clientIp(peer, request.headers.get('x-forwarded-for'), isTrustedProxy),
        startedAt: performance.now(),
        path: normal ? `/${normal.segments.join('/')}` : `/${sent?.join('/') ?? path.slice(1)}`,
        pattern: null,
        caller: null,
        setCookie: null,
        limit: null,
        owner: null,
        isUnderWay: false,
        keepOpen: () => server.timeout(request, 0),
      }
      return pipeline(exchange, normal, query)
    }
  }
  return Bun.serve({
    hostname: host,
    port,
    reusePort: false,
    development: false,
    idleTimeout: IDLE_TIMEOUT_SECONDS,
    maxRequestBodySize: MAX_REQUEST_BODY_BYTES,
    routes: segmentRoutes(handle),
    fetch: handle(null),
  })
}

/**
 * A route for every number of segments, with and without a slash at the end: not to route by, but because
 * the router's parameters are the only place where Bun shows the path as it was sent (see `path.ts`).
 */
function segmentRoutes(handle: (names: readonly string[]) => Handler): Record<string, Handler> {
  const routes: Record<string, Handler> = {}
  const names: string[] = []
  for (let count = 1; count <= MAX_SEGMENTS; count += 1) {
    names.push(`s${count}`)
    const pattern = `/:${names.join('/:')}`
    const handler = handle([...names])
    routes[pattern] = handler
    routes[`${pattern}/`] = handler
  }
  return routes
}

/**
 * A path that none of those routes took was empty, had empty segments, or was too long for any row. The
 * first and the last are merely unknown.
 */
function normaliseUnrouted(path: string) {
  const segments = path.slice(1).split('/')
  const isRoot = path === '/'
  const isTooLong = segments.length > MAX_SEGMENTS && !path.includes('//')
  return isRoot || isTooLong ? { segments, encoded: path } : null
}

/** Path and query of a request's URL; no origin is in front when the `Host` header made no sense. */
function splitUrl(url: string): { path: string; query: string } {
  const start = url.startsWith('/') ? 0 : url.indexOf('/', url.indexOf('://') + 3)
  if (start < 0) return { path: '', query: '' }
  const mark = url.indexOf('?', start)
  if (mark < 0) return { path: url.slice(start), query: '' }
  return { path: url.slice(start, mark), query: url.slice(mark) }
}
