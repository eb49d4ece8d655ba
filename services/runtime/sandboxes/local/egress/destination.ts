/** Decides where a sandbox's connection may go, and names the very addresses to connect to. */
import { lookup } from 'node:dns/promises'
import { networkInterfaces } from 'node:os'
import { bareHostname, endpointPort } from './proxy-request.ts'
import { isPublicAddress } from './public-address.ts'

export type Destination = { addresses: string[] } | { refusal: 'forbidden' | 'unresolved'; message: string }

export type DestinationRule = (hostname: string, port: number) => Promise<Destination>

const LOOKUP_TIMEOUT_MS = 10_000

/**
 * Public addresses only, except what the instance allows by exact host and port. A name is resolved once,
 * here; the caller connects to one of `addresses` and never to the name, so that a name which changes
 * its answer between check and use (DNS rebinding) gains nothing.
 */
export function createDestinationRule(allowedEndpoints: URL[]): DestinationRule {
  const allowed = new Set(allowedEndpoints.map(url => `${bareHostname(url)} ${endpointPort(url)}`))
  return async (hostname, port) => {
    const resolved = await resolve(hostname)
    if (resolved.length === 0) return { refusal: 'unresolved', message: `${hostname} has no address` }
    if (allowed.has(`${hostname} ${port}`)) return { addresses: resolved }
    const own = ownAddresses()
    const addresses = resolved.filter(address => isPublicAddress(address) && !own.has(address))
    if (addresses.length > 0) return { addresses }
    return {
      refusal: 'forbidden',
      message: `sandboxes may not connect to ${hostname}, which is not a public address`,
    }
  }
}

/** IPv4 first: a host without an IPv6 route would otherwise wait for each connection. */
async function resolve(hostname: string): Promise<string[]> {
  try {
    const found = await Promise.race([lookup(hostname, { all: true }), rejectAfter(LOOKUP_TIMEOUT_MS)])
    return found.toSorted((one, other) => one.family - other.family).map(entry => entry.address)
  } catch {
    // Unknown name, malformed name, silent resolver: to the sandbox all mean that there is no address.
    return []
  }
}

/** A public address of this very host is still this host: its firewall does not stand in between. */
function ownAddresses(): Set<string> {
  const entries = Object.values(networkInterfaces()).flatMap(list => list ?? [])
  return new Set(entries.map(entry => entry.address))
}

function rejectAfter(timeoutMs: number): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error('timed out')), timeoutMs).unref()
  })
}
