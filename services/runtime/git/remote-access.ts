/** What host-side git is given to reach a remote, and whether it may at all, decided for each connection. */
import { join } from 'node:path'
import { ApiError } from '@mogplex/kit/errors.ts'
import { type GitAccess, gitAccess } from '@mogplex/kit/git-remote/git-access.ts'
import { parseRemote, type Remote } from '@mogplex/kit/git-remote/parse-remote.ts'
import { type ReachableRemote, reachHost } from '@mogplex/kit/git-remote/reach-host.ts'
import { serveLocal } from '@mogplex/kit/git-remote/serve-local.ts'
import type { RepositorySource } from '@mogplex/proto/projects.ts'
import { type GitFailure, RemoteOutage } from './failure.ts'
import type { GitHost } from './host-git.ts'
import { withPrivateDirectory } from './private-directory.ts'
import { withSshKey } from './ssh-key.ts'

/** Makes the failure of whatever was to be done with the remote; `reason` starts in lower case. */
export type Refused = (reason: string) => GitFailure

/**
 * Reads a clone URL; throws what `refused` makes when it is none. Whether http and the local path are allowed
 * was decided by projects when it gave the source.
 */
export function readRemote(source: RepositorySource, refused: Refused): Remote {
  try {
    return parseRemote(source.cloneUrl, { allowHttp: true })
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    throw refused('the address of the remote repository is not supported')
  }
}

interface AccessRequest {
  host: GitHost
  remote: Remote
  source: Pick<RepositorySource, 'auth' | 'allowPrivateHosts'>
  refused: Refused
  /** For what is written, not read. */
  push?: { branch: string }
}

/**
 * Calls `use` with what lets git reach the remote; an ssh key is gone when it returns. The host is vetted
 * here, and git connects to the addresses it has now: a name that meanwhile means a private network is refused.
 */
export async function withRemoteAccess<Result>(
  request: AccessRequest,
  use: (access: GitAccess) => Promise<Result>,
): Promise<Result> {
  const { host, remote, source, refused } = request
  const { auth } = source
  // Projects knows whether the user may; this process may have no way there, or not be meant to.
  const allowPrivateHosts = host.allowPrivateHosts && source.allowPrivateHosts
  const reachable = await reach({ ...host, allowPrivateHosts }, remote, refused)
  const knownHostsFile = join(host.dataDirectory, 'known_hosts')
  const accessWith = (keyFile: string | null) => gitAccess(reachable, auth, { keyFile, knownHostsFile })
  if (remote.kind !== 'local') return await withSshKey(host, auth, keyFile => use(accessWith(keyFile)))
  return await withPrivateDirectory(join(host.dataDirectory, 'git-served'), async directory => {
    const served = await serveLocal(remote.path, join(directory, 'repository'), request.push)
    if ('refusal' in served) throw refused(served.refusal)
    return await use({ ...accessWith(null), ...served })
  })
}

async function reach(host: GitHost, remote: Remote, refused: Refused): Promise<ReachableRemote> {
  if (remote.kind === 'local') return { remote, addresses: null }
  const found = await reachHost(remote, host)
  if ('refusal' in found) {
    const failure = refused(found.reason)
    // The name may have an address again in a moment.
    throw found.refusal === 'unresolved' ? new RemoteOutage(failure.code, failure.message) : failure
  }
  return { remote, addresses: found.addresses }
}
