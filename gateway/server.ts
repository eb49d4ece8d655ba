/** From a request on the wire to an exchange in the pipeline: step 1, and the first half of step 2. */
import { clientIp, type TrustedProxies } from './client-ip.ts'
import type { Exchange } from './exchange.ts'
import { type HttpServer, type HttpServerOptions, listen } from './http/server.ts'
import type { RequestHandler } from './http/server-request.ts'
import { normalisePath, splitTarget } from './path.ts'
import type { Pipeline } from './pipeline.ts'
import { requestIdOf } from './request-id.ts'

export interface ServerOptions extends Omit<HttpServerOptions, 'handle'> {
  isTrustedProxy: TrustedProxies
  pipeline: Pipeline
}

/** Starts to listen. Throws when the address cannot be had. */
export function startServer({ isTrustedProxy, pipeline, ...options }: ServerOptions): HttpServer {
  const handle: RequestHandler = request => {
    const { headers } = request
    const { path, query } = splitTarget(request.target)
    const normal = normalisePath(path)
    const exchange: Exchange = {
      request,
      requestId: requestIdOf(headers.get('x-request-id')),
      clientIp: clientIp(request.peer, headers.get('x-forwarded-for'), isTrustedProxy),
      startedAt: performance.now(),
      path: normal ? `/${normal.segments.join('/')}` : path,
      pattern: null,
      caller: null,
      setCookie: null,
      limit: null,
      owner: null,
      isUnderWay: false,
    }
    return pipeline(exchange, normal, query)
  }
  return listen({ ...options, handle })
}
