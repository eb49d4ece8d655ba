/** Decides where a sandbox's connection may go, and names the very addresses to connect to. */
import { vetHost } from '@mogplex/kit/public-address.ts'

export type Destination = { addresses: string[] } | { refusal: 'forbidden' | 'unresolved'; message: string }

export type DestinationRule = (hostname: string, port: number) => Promise<Destination>

/**
 * Public addresses only. A name is resolved once, here; the caller connects to one of `addresses` and never to the
 * name, so that a name which changes its answer between check and use (DNS rebinding) gains nothing.
 */
export const publicDestination: DestinationRule = async hostname => {
  const vetted = await vetHost(hostname)
  if (vetted.status === 'public') return { addresses: vetted.addresses }
  if (vetted.status === 'unresolved') return { refusal: 'unresolved', message: `${hostname} has no address` }
  return {
    refusal: 'forbidden',
    message: `sandboxes may not connect to ${hostname}, which is not a public address`,
  }
}
