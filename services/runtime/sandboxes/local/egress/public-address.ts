/**
 * Which addresses a sandbox may reach without being allowed by name: those of the public internet only
 * (design, "Traps"; runtime spec 6.6). Addresses are judged after resolution, never names.
 */
import { BlockList, isIP } from 'node:net'

/** IANA's special-purpose registry (not globally reachable), multicast, and metadata services. */
const REFUSED_V4 = [
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
  '224.0.0.0/4',
  '240.0.0.0/4',
  // Azure's wire server hands out machine credentials from a public address.
  '168.63.129.16/32',
]

/** Within 2000::/3, which is all of IPv6 that is public: transition mechanisms and documentation. */
const REFUSED_V6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20']

const refusedV4 = blockList(REFUSED_V4, 'ipv4')
const refusedV6 = blockList(REFUSED_V6, 'ipv6')
const publicV6 = blockList(['2000::/3'], 'ipv6')

/** Whether the address (a literal as `dns.lookup` gives it) belongs to the public internet. */
export function isPublicAddress(address: string): boolean {
  const version = isIP(address)
  if (version === 4) return !refusedV4.check(address, 'ipv4')
  if (version !== 6) return false
  const embedded = embeddedV4(address)
  if (embedded !== null) return isPublicAddress(embedded)
  return publicV6.check(address, 'ipv6') && !refusedV6.check(address, 'ipv6')
}

/** The IPv4 address within ::ffff:0:0/96 (mapped) and 64:ff9b::/96 (NAT64); null for any other. */
function embeddedV4(address: string): string | null {
  const groups = expandV6(address)
  const prefix = groups.slice(0, 6).join(':')
  if (prefix !== '0:0:0:0:0:ffff' && prefix !== '64:ff9b:0:0:0:0') return null
  const bytes = groups.slice(6).flatMap(group => {
    const value = Number.parseInt(group, 16)
    return [value >> 8, value & 0xff]
  })
  return bytes.join('.')
}

/** The eight groups of a valid IPv6 literal, in lower-case hex without leading zeros. */
function expandV6(address: string): string[] {
  // The URL parser writes the canonical form, also of addresses that end in dotted decimal.
  const canonical = new URL(`http://[${address.split('%')[0]}]/`).hostname.slice(1, -1)
  const [head = '', tail] = canonical.split('::')
  const before = head === '' ? [] : head.split(':')
  if (tail === undefined) return before
  const after = tail === '' ? [] : tail.split(':')
  return [...before, ...Array<string>(8 - before.length - after.length).fill('0'), ...after]
}

function blockList(ranges: string[], family: 'ipv4' | 'ipv6'): BlockList {
  const list = new BlockList()
  for (const range of ranges) {
    const [network = '', bits = ''] = range.split('/')
    list.addSubnet(network, Number(bits), family)
  }
  return list
}
