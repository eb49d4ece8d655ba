/** Decides whether this instance may use a remote (projects spec 3, "Local paths", "Hosts"). */
import {
  type HostRemote,
  type LocalRemote,
  localRemote,
  parseRemote,
} from '@mogplex/kit/git-remote/parse-remote.ts'
import { type ReachableRemote, reachHost } from '@mogplex/kit/git-remote/reach-host.ts'
import { invalidRemote, remoteUnreachable } from '@mogplex/kit/git-remote/refusals.ts'
import { findLocalRepository } from './local-repository.ts'

/** The instance's settings about remotes. */
export interface RemoteRules {
  allowHttp: boolean
  /** The laptop set-up: hosts are neither resolved nor vetted. */
  allowPrivateHosts: boolean
  /** Absolute paths; a local repository lies inside one of them. */
  localRoots: readonly string[]
}

/** One text for missing, outside, no repository and switched off: which paths exist is nobody's business. */
const NOT_A_LOCAL_REPOSITORY = 'is not a git repository inside one of the directories LOCAL_GIT_ROOTS names'

/** 400 `INVALID_REMOTE` for what may not be used, `REMOTE_UNREACHABLE` for a host without an address. */
export async function vetRemote(written: string, rules: RemoteRules): Promise<ReachableRemote> {
  const remote = parseRemote(written, rules)
  if (remote.kind === 'local') return { remote: await vetLocal(remote, rules), addresses: null }
  return { remote, addresses: await addressesOf(remote, rules) }
}

async function vetLocal(remote: LocalRemote, rules: RemoteRules): Promise<LocalRemote> {
  const real = await findLocalRepository(remote.path, rules.localRoots)
  if (real === null) throw invalidRemote(NOT_A_LOCAL_REPOSITORY)
  return localRemote(real)
}

async function addressesOf(remote: HostRemote, rules: RemoteRules): Promise<string[] | null> {
  const reach = await reachHost(remote, rules)
  if (!('refusal' in reach)) return reach.addresses
  throw reach.refusal === 'forbidden' ? invalidRemote(reach.reason) : remoteUnreachable(reach.reason)
}
