/** Where git may connect to for a remote (projects spec 3, "Hosts"), decided right before it does. */

import { canPinAddresses } from '../host-git/git-program.ts'
import { type VettedHost, vetHost } from '../public-address.ts'
import type { HostRemote, Remote } from './parse-remote.ts'

/** A remote that may be used. git must connect to one of `addresses`; null: to any the name has. */
export interface ReachableRemote {
  remote: Remote
  addresses: string[] | null
}

export interface HostRules {
  /** The laptop set-up: hosts are neither resolved nor vetted. */
  allowPrivateHosts: boolean
  /** Default: the system's resolver and our own judgement. */
  vet?: (host: string) => Promise<VettedHost>
}

export type Reach =
  | { addresses: string[] | null }
  /** `reason` is for the repo's owner: short, lower case, no address. */
  | { refusal: 'forbidden' | 'unresolved' | 'unsupported'; reason: string }

/** Call it for every connection: what a name means may have changed since it was imported (DNS rebinding). */
export async function reachHost(remote: HostRemote, rules: HostRules): Promise<Reach> {
  if (rules.allowPrivateHosts) return { addresses: null }
  const vetted = await (rules.vet ?? vetHost)(remote.host)
  if (vetted.status === 'refused')
    return { refusal: 'forbidden', reason: 'hosts of private networks are not allowed here' }
  if (vetted.status === 'unresolved') return { refusal: 'unresolved', reason: 'the host has no address' }
  if (remote.kind === 'http' && !(await canPinAddresses()))
    return { refusal: 'unsupported', reason: 'the git of this instance is too old, it needs 2.37 or newer' }
  return { addresses: vetted.addresses }
}
