/** Everything through which one sandbox process with network reaches the outside, each a socket of the host's. */
import type { Log } from '@mogplex/kit/log.ts'
import { openEndpointProxy } from '../../endpoint-proxy/endpoint-proxy.ts'
import type { ProxiedEndpoint } from '../../provider.ts'
import { type AgentUser, giveTo } from '../directories.ts'
import type { DestinationRule } from './destination.ts'
import { openEgressProxy } from './egress-proxy.ts'

/** Port of the HTTP proxy on the sandbox's loopback. */
export const PROXY_PORT = 3128

/** A port on the sandbox's loopback, and the socket that its connections are carried to. */
export interface WayOut {
  port: number
  socketPath: string
}

export interface WaysOut {
  ways: WayOut[]
  /** Drops every connection and removes the sockets. */
  close(): void
}

export interface WaysOutOptions {
  /** What the names of the sockets begin with. */
  prefix: string
  user: AgentUser
  endpoints: ProxiedEndpoint[]
  rule: DestinationRule
  log: Log
}

/** Rejects when a socket cannot be made, with none left open. */
export async function openWaysOut({ prefix, user, endpoints, rule, log }: WaysOutOptions): Promise<WaysOut> {
  const opened: { close(): void }[] = []
  const close = () => {
    for (const each of opened.splice(0)) each.close()
  }
  const way = (port: number) => ({ port, socketPath: `${prefix}.${port}.sock` })
  const ways = [PROXY_PORT, ...endpoints.map(endpoint => endpoint.port)].map(way)
  try {
    const onRefusal = (hostname: string, port: number) =>
      log.info({ event: 'sandbox.connection-refused', hostname, port })
    opened.push(await openEgressProxy({ socketPath: way(PROXY_PORT).socketPath, rule, onRefusal }))
    for (const endpoint of endpoints) {
      const { socketPath } = way(endpoint.port)
      opened.push(await openEndpointProxy({ socketPath, endpoint, onTrouble: troubleLog(endpoint, log) }))
    }
    for (const { socketPath } of ways) giveTo(socketPath, user)
  } catch (cause) {
    close()
    throw cause
  }
  return { ways, close }
}

/** Each kind of trouble once: what an agent asks for over and over must not fill the log. */
function troubleLog({ baseUrl }: ProxiedEndpoint, log: Log): (trouble: string, detail: string) => void {
  const told = new Set<string>()
  return (trouble, detail) => {
    if (told.has(trouble)) return
    told.add(trouble)
    log.warn({ event: `sandbox.endpoint-${trouble}`, endpoint: new URL(baseUrl).host, detail })
  }
}
