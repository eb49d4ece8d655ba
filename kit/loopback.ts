/** Addresses that nobody but this machine reaches. */
import { isIP } from 'node:net'

/** For an address as sockets and headers write it, IPv4 within IPv6 included. */
export function isLoopbackAddress(address: string): boolean {
  const bare = address.toLowerCase().replace(/^::ffff:(?=\d+\.)/, '')
  if (isIP(bare) === 4) return bare.startsWith('127.')
  return bare === '::1'
}

/** For a host as the `hostname` of a `URL` has it: a name for this machine, or its address. */
export function isLoopbackHost(hostname: string): boolean {
  const name = hostname.toLowerCase().replace(/\.$/, '')
  if (name === 'localhost' || name.endsWith('.localhost')) return true
  return isLoopbackAddress(name.replace(/^\[(.*)\]$/, '$1'))
}
