/** Whether a request was made on this very machine, by somebody who is at it (identity spec 2, first sign-up). */
import { isLoopbackAddress, isLoopbackHost } from '@mogplex/kit/loopback.ts'
import type { TrustedProxies } from './client-ip.ts'
import type { HeaderFields } from './http/header-fields.ts'

/** What a proxy adds. Whoever sends one of these comes through something, wherever that is. */
const FORWARDING = [
  'forwarded',
  'x-real-ip',
  'via',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-forwarded-port',
]

/**
 * True for a connection from loopback that nothing has forwarded, to a name of this machine: a page of another site
 * whose name was made to lead here, and a tunnel that keeps the name, ask for another. A trusted proxy may stand
 * between, if it says that everybody on the way is on this machine.
 */
export function isLocalRequest(headers: HeaderFields, peer: string, isTrusted: TrustedProxies): boolean {
  if (!isLoopbackAddress(peer) || !isLocalName(headers.get('host'))) return false
  const chain = headers.get('x-forwarded-for')
  if (chain === null) return !FORWARDING.some(name => headers.has(name))
  return isTrusted(peer) && chain.split(',').every(entry => isLoopbackAddress(entry.trim()))
}

function isLocalName(host: string | null): boolean {
  const url = host === null ? null : URL.parse(`http://${host}`)
  return url !== null && isLoopbackHost(url.hostname)
}
