/** Decides whether this instance may use a remote (projects spec 3, "Local paths", "Hosts"). */
import { vetHost } from '@mogplex/kit/public-address.ts'
import { findLocalRepository } from './local-repository.ts'
import { type HostRemote, type LocalRemote, localRemote, parseRemote, type Remote } from './parse-remote.ts'
import { invalidRemote, remoteUnreachable } from './refusals.ts'

/** The instance's settings about remotes. */
export interface RemoteRules {
  allowHttp: boolean
  /** The laptop set-up: hosts are neither resolved nor vetted. */
  allowPrivateHosts: boolean
  /** Absolute paths; a local repository lies inside one of them. */
  localRoots: readonly string[]
}

/** A remote that may be used. git must connect to one of `addresses`; null: to any the name has. */
export interface VettedRemote {
  remote: Remote
  addresses: string[] | null
}

/** One text for missing, outside, no repository and switched off: which paths exist is nobody's business. */
const NOT_A_LOCAL_REPOSITORY = 'is not a git repository inside one of the directories LOCAL_GIT_ROOTS names'

/** 400 `INVALID_REMOTE` for what may not be used, `REMOTE_UNREACHABLE` for a host without an address. */
export async function vetRemote(written: string, rules: RemoteRules): Promise<VettedRemote> {
  const remote = parseRemote(written, rules)
  if (remote.kind === 'local') return { remote: await vetLocal(remote, rules), addresses: null }
  return { remote, addresses: rules.allowPrivateHosts ? null : await vetAddresses(remote) }
}

async function vetLocal(remote: LocalRemote, rules: RemoteRules): Promise<LocalRemote> {
  const real = await findLocalRepository(remote.path, rules.localRoots)
  if (real === null) throw invalidRemote(NOT_A_LOCAL_REPOSITORY)
  return localRemote(real)
}

async function vetAddresses(remote: HostRemote): Promise<string[]> {
  const vetted = await vetHost(remote.host)
  if (vetted.status === 'refused') throw invalidRemote('hosts of private networks are not allowed here')
  if (vetted.status === 'unresolved') throw remoteUnreachable('the host has no address')
  return vetted.addresses
}
