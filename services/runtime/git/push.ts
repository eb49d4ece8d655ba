/** The only place that writes to a remote: one branch, never by force, never the base branch. */

import type { GitAccess } from '@mogplex/kit/git-remote/git-access.ts'
import type { Remote } from '@mogplex/kit/git-remote/parse-remote.ts'
import type { GitResult } from '@mogplex/kit/host-git/run-git.ts'
import type { RepositorySource } from '@mogplex/proto/projects.ts'
import { boundsOf } from './bounds.ts'
import { GitStopped, throwIfStopped } from './failure.ts'
import { type GitHost, runHostGit } from './host-git.ts'
import { mirrorRef } from './mirror.ts'
import { type Refused, withRemoteAccess } from './remote-access.ts'
import { pushUntilAnswered, whileOutage } from './retry-remote.ts'

export interface PushRequest {
  host: GitHost
  mirror: string
  source: RepositorySource
  remote: Remote
  commit: string
  branch: string
  baseBranch: string
  /** Makes the failure for a remote whose host may not be connected to. */
  refused: Refused
  /** Asked right before the push; false calls it off. */
  confirm: () => Promise<boolean>
  signal: AbortSignal
}

/**
 * Pushes one commit of the mirror to one branch. Throws {@link GitStopped}, with nothing pushed, when `confirm`
 * refuses or the signal is aborted; otherwise the result says what git thought of it.
 */
export async function pushBranch(request: PushRequest): Promise<GitResult> {
  const { host, mirror, remote, source, refused, signal, branch, commit } = request
  if (branch === request.baseBranch) throw new Error('The base branch is never pushed')
  const refspec = `${commit}:refs/heads/${branch}`
  const wanted = { host, remote, source, refused, push: { branch } }
  const pushOnce = async (access: GitAccess) => {
    throwIfStopped(signal)
    if (!(await request.confirm())) throw new GitStopped()
    const args = [
      ...asRemote(access.url, branch),
      'push',
      '--porcelain',
      '--no-verify',
      '--',
      REMOTE,
      refspec,
    ]
    const { settings, environment: env, umask } = access
    const limits = boundsOf(host).push
    return await runHostGit({ host, gitDirectory: mirror, args, settings, env, umask, signal, limits })
  }
  return await whileOutage(request, () =>
    withRemoteAccess(wanted, access =>
      pushUntilAnswered({ ...request, access, push: () => pushOnce(access) }, remote.kind !== 'local'),
    ),
  )
}

/** What the remote is called for the length of one command. */
const REMOTE = 'remote'

/**
 * With a remote that has a refspec git notes by itself where the branch is now, which spares the next sync a
 * fetch. It waits for another writer of the ref for a moment, and a note it cannot make does not fail the push.
 */
function asRemote(url: string, branch: string): string[] {
  const settings = { url, fetch: `+refs/heads/${branch}:${mirrorRef(branch)}` }
  return Object.entries(settings).flatMap(([key, value]) => ['-c', `remote.${REMOTE}.${key}=${value}`])
}
