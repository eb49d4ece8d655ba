/**
 * The host's end of a sandbox's way to one endpoint, a model's above all: an HTTP server on a Unix socket that
 * only this sandbox process can see. It puts the credential on what it forwards, so that nothing inside has any
 * (decisions, 15). Bodies are streamed both ways; neither they nor the credential are logged.
 */
import { rmSync } from 'node:fs'
import {
  createServer,
  Agent as HttpAgent,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { bindUnnamed } from '../local/egress/socket-path.ts'
import type { ProxiedEndpoint } from '../provider.ts'
import { forward, type OnTrouble } from './forward.ts'
import { trustedAuthorities } from './trusted-authorities.ts'

export interface EndpointProxy {
  /** Stops listening, drops every connection, to the endpoint too, and removes the socket. */
  close(): void
}

export interface EndpointProxyOptions {
  socketPath: string
  endpoint: ProxiedEndpoint
  onTrouble: OnTrouble
}

/** Connections at once of one sandbox process: the runtime's file descriptors are not the agent's. */
const MAX_CONNECTIONS = 64
const MAX_HEAD_BYTES = 32 * 1024
/** Before providers' own limits end a kept connection, so that it is not used just then. */
const IDLE_CONNECTION_MS = 60_000

/** Resolves once it listens; rejects when the socket cannot be made. */
export async function openEndpointProxy(options: EndpointProxyOptions): Promise<EndpointProxy> {
  const base = new URL(options.endpoint.baseUrl)
  const upstream = {
    base,
    basePath: base.pathname.replace(/\/+$/, ''),
    credential: options.endpoint.credential,
    // Its own for each process: kept connections are not shared between people.
    agent: agentFor(base),
  }
  const open = new Set<ServerResponse>()
  const serve = (request: IncomingMessage, response: ServerResponse) => {
    open.add(response)
    response.on('close', () => open.delete(response))
    forward(request, response, upstream, options.onTrouble)
  }
  const server = createServer({ maxHeaderSize: MAX_HEAD_BYTES, requestTimeout: 0 }, serve)
  server.maxConnections = MAX_CONNECTIONS
  // A model may think for minutes, and a client that pools connections must not find one just closed.
  server.timeout = 0
  server.keepAliveTimeout = 0
  server.on('connect', (_, socket) => socket.destroy())
  await bindUnnamed(options.socketPath, path => listenAt(server, path))
  return {
    close() {
      server.close()
      for (const response of open) response.destroy()
      server.closeAllConnections()
      upstream.agent.destroy()
      rmSync(options.socketPath, { force: true })
    },
  }
}

function listenAt(server: Server, path: string): Promise<void> {
  return new Promise((settle, reject) => {
    server.once('error', reject)
    server.listen(path, settle)
  })
}

function agentFor(base: URL): HttpAgent | HttpsAgent {
  const limits = { keepAlive: true, timeout: IDLE_CONNECTION_MS, maxSockets: MAX_CONNECTIONS }
  return base.protocol === 'https:'
    ? new HttpsAgent({ ...limits, secureContext: trustedAuthorities() })
    : new HttpAgent(limits)
}
