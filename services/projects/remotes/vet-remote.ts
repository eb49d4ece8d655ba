/** Decides whether this instance may use a remote (projects spec 3, "Local paths", "Hosts"). */
import { isIP } from 'node:net'
import {
  type HostRemote,
  type LocalRemote,
  localRemote,
  parseRemote,
} from '@mogplex/kit/git-remote/parse-remote.ts'
import { type ReachableRemote, reachHost } from '@mogplex/kit/git-remote/reach-host.ts'
import { invalidRemote, remoteUnreachable } from '@mogplex/kit/git-remote/refusals.ts'
import { isPublicAddress } from '@mogplex/kit/public-address.ts'
import type { RemoteAuth } from '@mogplex/proto/projects.ts'
import { ALIKE_AFTER_MS, refusingAlike } from './alike.ts'
import { findLocalRepository } from './local-repository.ts'
import { type ProbedRemote, probeRemote } from './probe.ts'

/** What the instance's settings, and its operator's grants, say about remotes. */
export interface RemoteRules {
  allowHttp: boolean
  /** Hosts are neither resolved nor vetted, and what is wrong with one is told. */
  allowPrivateHosts: boolean
  /** Absolute paths; a local repository lies inside one of them. */
  localRoots: readonly string[]
}

/** One text for missing, outside, no repository and switched off: which paths exist is nobody's business. */
const NOT_A_LOCAL_REPOSITORY = 'is not a git repository inside one of the directories LOCAL_GIT_ROOTS names'

/** Neither is the disk looked at. */
export const NO_HOST_ACCESS =
  'repositories of this machine are for users with host access, which the operator grants (npm run admin -- user grant-host-access)'

/** 400 `INVALID_REMOTE` for what may not be used, `REMOTE_UNREACHABLE` for a host without an address. */
export async function vetRemote(written: string, rules: RemoteRules): Promise<ReachableRemote> {
  const remote = parseRemote(written, rules)
  if (remote.kind === 'local') return { remote: await vetLocal(remote, rules), addresses: null }
  return { remote, addresses: await addressesOf(remote, rules) }
}

async function vetLocal(remote: LocalRemote, rules: RemoteRules): Promise<LocalRemote> {
  if (rules.localRoots.length === 0) throw invalidRemote(NO_HOST_ACCESS)
  const real = await findLocalRepository(remote.path, rules.localRoots)
  if (real === null) throw invalidRemote(NOT_A_LOCAL_REPOSITORY)
  return localRemote(real)
}

/** 400 `REMOTE_UNREACHABLE`. A host that had to be vetted is asked so that it tells nothing of a network. */
export function probeVetted(
  vetted: ReachableRemote,
  auth: RemoteAuth,
  limitMs = ALIKE_AFTER_MS,
): Promise<ProbedRemote> {
  const { remote, addresses } = vetted
  if (addresses === null) return probeRemote(vetted, auth)
  return refusingAlike(async () => {
    const probed = await probeRemote(vetted, auth, limitMs)
    // Whatever answers 200 looks like an empty repository to git.
    if (probed.headBranch === null && remote.kind === 'http' && remote.scheme === 'http')
      throw remoteUnreachable('there is no branch')
    return probed
  }, limitMs)
}

async function addressesOf(remote: HostRemote, rules: RemoteRules): Promise<string[] | null> {
  if (rules.allowPrivateHosts) return null
  return refusingAlike(async () => {
    const reach = await reachHost(remote, rules)
    if (!('refusal' in reach)) return reach.addresses
    if (reach.refusal === 'unsupported' || isPlainToSee(remote)) throw invalidRemote(reach.reason)
    // Which names mean something in the networks around this machine is not told either.
    throw remoteUnreachable(reach.reason)
  })
}

/** What an address is one can see without asking anybody; the same goes for names of this machine. */
function isPlainToSee({ host }: HostRemote): boolean {
  const isPrivateAddress = isIP(host) !== 0 && !isPublicAddress(host)
  return isPrivateAddress || host === 'localhost' || host.endsWith('.localhost')
}
