/** From a request on the wire to an exchange in the pipeline. */
import type { TrustedProxies } from './client-ip.ts'
import type { Exchange, GatewayRow } from './exchange.ts'
import { type HttpServer, type HttpServerOptions, listen } from './http/server.ts'
import type { ServerRequest } from './http/server-request.ts'
import type { Matcher } from './match.ts'
import type { Pipeline } from './pipeline.ts'
import { RequestFacts } from './request-facts.ts'

export interface ServerOptions extends Omit<HttpServerOptions<RequestFacts>, 'handler'> {
  match: Matcher<GatewayRow>
  isTrustedProxy: TrustedProxies
  pipeline: Pipeline
}

/** Starts to listen. Throws when the address cannot be had. */
export function startServer({ match, isTrustedProxy, pipeline, ...options }: ServerOptions): HttpServer {
  const understanding = { match, isTrustedProxy }
  return listen({
    ...options,
    handler: {
      understand: (head, peer) => new RequestFacts(head, peer, understanding),
      handle: (request, facts) => pipeline.run(exchangeOf(request, facts)),
    },
  })
}

function exchangeOf(request: ServerRequest, facts: RequestFacts): Exchange {
  return {
    request,
    facts,
    requestId: facts.fields.requestId ?? crypto.randomUUID(),
    clientIp: facts.fields.clientIp,
    startedAt: performance.now(),
    path: facts.decodedPath,
    pattern: null,
    caller: null,
    setCookie: null,
    limit: null,
    owner: null,
    isUnderWay: false,
    guessCharges: [],
  }
}
