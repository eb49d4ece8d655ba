/**
 * Which hosts a user, or an agent of theirs, may make this instance connect to (projects spec 3, "Hosts";
 * runtime spec 6.6). Addresses are judged after resolution, never names. A host is vetted by the
 * addresses it has now; whoever connects must connect to one of exactly these, because a second look-up of
 * the name may answer otherwise.
 */
import { lookup } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'
import { networkInterfaces } from 'node:os'

/** IANA's special-purpose registry (not globally reachable) and metadata services: own, private, shared, documentation, multicast, reserved. */
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

const nonPublicIpv4 = networks('ipv4', NON_PUBLIC_IPV4)
const nonPublicIpv6 = networks('ipv6', NON_PUBLIC_IPV6)
const globalIpv6 = networks('ipv6', ['2000::/3'])

/**
 * True for an address of the public internet. False for loopback, private, shared (CGNAT), link-local,
 * metadata, multicast and reserved ones, and for what is no address. An IPv6 address that stands for an IPv4
 * one (mapped, NAT64) is judged as that one.
 */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address)
  if (family === 4) return !nonPublicIpv4.check(address, 'ipv4')
  // A zone id only makes sense for addresses that are not public.
  if (family !== 6 || address.includes('%')) return false
  const embedded = embeddedIpv4(address)
  if (embedded !== null) return isPublicAddress(embedded)
  return globalIpv6.check(address, 'ipv6') && !nonPublicIpv6.check(address, 'ipv6')
}

/** The IPv4 address within ::ffff:0:0/96 (mapped) and 64:ff9b::/96 (NAT64); null for any other. */
function embeddedIpv4(address: string): string | null {
  const groups = ipv6Groups(address)
  const prefix = groups.slice(0, 6).join(':')
  if (prefix !== '0:0:0:0:0:ffff' && prefix !== '64:ff9b:0:0:0:0') return null
  return groups
    .slice(6)
    .map(group => Number.parseInt(group, 16))
    .flatMap(value => [value >> 8, value & 0xff])
    .join('.')
}

/** The eight groups of an IPv6 address, in lower-case hexadecimal without leading zeros. */
function ipv6Groups(address: string): string[] {
  // The URL parser writes the canonical form, also of addresses that end in dotted decimal.
  const canonical = new URL(`http://[${address}]/`).hostname.slice(1, -1)
  const [head = '', tail] = canonical.split('::')
  const before = head === '' ? [] : head.split(':')
  if (tail === undefined) return before
  const after = tail === '' ? [] : tail.split(':')
  return [...before, ...Array<string>(8 - before.length - after.length).fill('0'), ...after]
}

function networks(family: 'ipv4' | 'ipv6', list: string[]): BlockList {
  const block = new BlockList()
  for (const network of list) {
    const [address = '', prefix = ''] = network.split('/')
    block.addSubnet(address, Number(prefix), family)
  }
  return block
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

/** Addresses of a host as {@link canonicalHost} writes it; none when it has none. */
export type ResolveHost = (host: string) => Promise<string[]>

const LOOKUP_LIMIT_MS = 10_000

/**
 * Resolves `host` (as {@link canonicalHost} writes it) and vets all of its addresses: one that is not public,
 * or is this very machine's, refuses the host.
 *
 * @example
 * const vetted = await vetHost('example.com')
 * if (vetted.status === 'public') connectTo(vetted.addresses)
 */
export async function vetHost(host: string, resolve: ResolveHost = resolveHost): Promise<VettedHost> {
  if (host === 'localhost' || host.endsWith('.localhost')) return { status: 'refused' }
  const addresses = isIP(host) ? [host] : await resolve(host)
  if (addresses.length === 0) return { status: 'unresolved' }
  const own = ownAddresses()
  const isAllowed = (address: string) => isPublicAddress(address) && !own.has(address)
  return addresses.every(isAllowed) ? { status: 'public', addresses } : { status: 'refused' }
}

/**
 * Asks the system, for at most 10 s; why a name has no address does not matter to anybody who asks here.
 * IPv4 first: a machine without an IPv6 route would otherwise wait for each connection.
 */
export async function resolveHost(host: string): Promise<string[]> {
  const found = lookup(host, { all: true }).then(
    answers => answers.toSorted((one, other) => one.family - other.family).map(({ address }) => address),
    () => [],
  )
  return Promise.race([found, Bun.sleep(LOOKUP_LIMIT_MS).then(() => [])])
}

/** A public address of this machine is still this machine: its firewall does not stand in between. */
function ownAddresses(): Set<string> {
  const entries = Object.values(networkInterfaces()).flatMap(list => list ?? [])
  return new Set(entries.map(entry => entry.address))
}
