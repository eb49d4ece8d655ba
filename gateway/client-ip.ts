/** From which address a request comes (gateway spec 6). */

import { BlockList, isIP } from 'node:net'
import { ConfigError } from '@mogplex/kit/config.ts'

/** True for an address whose `x-forwarded-for` we believe. */
export type TrustedProxies = (address: string) => boolean

/** `entries` are addresses and CIDR blocks, of either family. Throws {@link ConfigError} on anything else. */
export function createTrustedProxies(entries: readonly string[]): TrustedProxies {
  const list = new BlockList()
  for (const entry of entries) addEntry(list, entry)
  if (entries.length === 0) return () => false
  return address => isIP(address) !== 0 && list.check(address, familyOf(address))
}

function addEntry(list: BlockList, entry: string): void {
  const [address = '', prefix, rest] = entry.split('/')
  const longest = isIP(address) === 6 ? 128 : 32
  const bits = prefix === undefined ? longest : /^\d{1,3}$/.test(prefix) ? Number(prefix) : -1
  if (isIP(address) === 0 || rest !== undefined || bits < 0 || bits > longest)
    throw new ConfigError(`TRUSTED_PROXIES: ${entry} is neither an address nor a CIDR block`)
  list.addSubnet(address, bits, familyOf(address))
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4'
}

/**
 * The socket peer, unless that is a trusted proxy: then the right-most address of `forwardedFor` that is
 * not. An entry that is no address ends the search, since nothing to the left of it can be believed.
 */
export function clientIp(peer: string, forwardedFor: string | null, isTrusted: TrustedProxies): string {
  let address = plain(peer)
  if (!forwardedFor || !isTrusted(address)) return address
  for (const entry of forwardedFor.split(',').reverse()) {
    const next = plain(entry.trim())
    if (isIP(next) === 0) return address
    address = next
    if (!isTrusted(address)) return address
  }
  return address
}

const MAPPED_PREFIX = '::ffff:'

/** One spelling for an IPv4 address, however the socket shows it. */
function plain(address: string): string {
  const isMapped = address.startsWith(MAPPED_PREFIX) && address.includes('.')
  return isMapped ? address.slice(MAPPED_PREFIX.length) : address
}
