/** Decides where a sandbox's connection may go, and names the very addresses to connect to. */
import { resolveHost, vetHost } from '@mogplex/kit/public-address.ts'
import { bareHostname, endpointPort } from './proxy-request.ts'

export type Destination = { addresses: string[] } | { refusal: 'forbidden' | 'unresolved'; message: string }

export type DestinationRule = (hostname: string, port: number) => Promise<Destination>

/**
 * Public addresses only, except what the instance allows by exact host and port. A name is resolved once,
 * here; the caller connects to one of `addresses` and never to the name, so that a name which changes
 * its answer between check and use (DNS rebinding) gains nothing.
 */
export function createDestinationRule(allowedEndpoints: URL[]): DestinationRule {
  const allowed = new Set(allowedEndpoints.map(url => `${bareHostname(url)} ${endpointPort(url)}`))
  return async (hostname, port) => {
    if (allowed.has(`${hostname} ${port}`)) return anyAddress(hostname)
    const vetted = await vetHost(hostname)
    if (vetted.status === 'public') return { addresses: vetted.addresses }
    if (vetted.status === 'unresolved') return unresolved(hostname)
    return {
      refusal: 'forbidden',
      message: `sandboxes may not connect to ${hostname}, which is not a public address`,
    }
  }
}

async function anyAddress(hostname: string): Promise<Destination> {
  const addresses = await resolveHost(hostname)
  return addresses.length > 0 ? { addresses } : unresolved(hostname)
}

function unresolved(hostname: string): Destination {
  return { refusal: 'unresolved', message: `${hostname} has no address` }
}
