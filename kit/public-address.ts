/**
 * Which hosts a user may make this instance connect to (projects spec 3, "Hosts"). A host is vetted by the
 * addresses it has now; whoever connects must connect to one of exactly these, because a second look-up of
 * the name may answer otherwise.
 */
import { lookup } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'

/** Networks nobody on the internet has: own, private, shared, documentation, multicast, reserved. */
const NON_PUBLIC_IPV4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
  // Azure answers machine metadata from a public address.
  '168.63.129.16/32',
]

/** Inside 2000::/3, the only public part of IPv6: protocol assignments, documentation, and 6to4. */
const NON_PUBLIC_IPV6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20']

function networks(family: 'ipv4' | 'ipv6', list: string[]): BlockList {
  const block = new BlockList()
  for (const network of list) {
    const [address = '', prefix = ''] = network.split('/')
    block.addSubnet(address, Number(prefix), family)
  }
  return block
}

const nonPublicIpv4 = networks('ipv4', NON_PUBLIC_IPV4)
const nonPublicIpv6 = networks('ipv6', NON_PUBLIC_IPV6)
const globalIpv6 = networks('ipv6', ['2000::/3'])
const mappedIpv4 = networks('ipv6', ['::ffff:0:0/96'])

/**
 * True for an address of the public internet. False for loopback, private, shared (CGNAT), link-local,
 * metadata, multicast and reserved ones, in IPv4, IPv6 and IPv4-mapped IPv6, and for what is no address.
 */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address)
  if (family === 4) return !nonPublicIpv4.check(address, 'ipv4')
  // A zone id only makes sense for addresses that are not public.
  if (family !== 6 || address.includes('%')) return false
  // BlockList compares a mapped address with the rules of IPv4.
  if (mappedIpv4.check(address, 'ipv6')) return !nonPublicIpv4.check(address, 'ipv6')
  return globalIpv6.check(address, 'ipv6') && !nonPublicIpv6.check(address, 'ipv6')
}

/**
 * A host name or address as URLs mean it: lower case, Punycode, every spelling of an IPv4 address (decimal,
 * octal, hexadecimal, short) as four decimal numbers, IPv6 without brackets, no trailing dot. Null when it
 * is no host.
 */
export function canonicalHost(host: string): string | null {
  const bare = host.startsWith('[') || isIP(host) !== 6 ? host : `[${host}]`
  // Nothing may end the host inside the URL below: no path, query, user or port.
  if (!/^(\[[^/\\?#@\s\]]+\]|[^:/\\?#@\s]+)$/.test(bare)) return null
  const url = URL.parse(`https://${bare}/`)
  if (url === null) return null
  const name = url.hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '')
  return name === '' ? null : name
}

/** What is known of a host before anything connects to it. */
export type VettedHost =
  /** Every address is public; connect to one of these and no other. */
  | { status: 'public'; addresses: string[] }
  /** It is, or any of its addresses is, not public. */
  | { status: 'refused' }
  /** The name has no address, or its servers did not answer in time. */
  | { status: 'unresolved' }

const LOOKUP_LIMIT_MS = 5_000

/**
 * Resolves `host` (as {@link canonicalHost} writes it) and vets all of its addresses: one that is not public
 * refuses the host.
 *
 * @example
 * const vetted = await vetHost('example.com')
 * if (vetted.status === 'public') connectTo(vetted.addresses)
 */
export async function vetHost(host: string): Promise<VettedHost> {
  if (isIP(host))
    return isPublicAddress(host) ? { status: 'public', addresses: [host] } : { status: 'refused' }
  if (host === 'localhost' || host.endsWith('.localhost')) return { status: 'refused' }
  const addresses = await addressesOf(host)
  if (addresses.length === 0) return { status: 'unresolved' }
  return addresses.every(isPublicAddress) ? { status: 'public', addresses } : { status: 'refused' }
}

/** A name that does not resolve has none; why not does not matter to anybody who asks here. */
async function addressesOf(host: string): Promise<string[]> {
  const found = lookup(host, { all: true, verbatim: true }).then(
    answers => answers.map(({ address }) => address),
    () => [],
  )
  return Promise.race([found, Bun.sleep(LOOKUP_LIMIT_MS).then(() => [])])
}
