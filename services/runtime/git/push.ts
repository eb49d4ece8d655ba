/** The only place that writes to a remote: one branch, never by force, never the base branch. */
import type { Remote } from '@mogplex/kit/git-remote/parse-remote.ts'
import type { RepositorySource } from '@mogplex/proto/projects.ts'
import { GitStopped, throwIfStopped } from './failure.ts'
import { type GitHost, type HostGitResult, runHostGit } from './host-git.ts'
import { mirrorRef } from './mirror.ts'
import { withMirrorLock } from './mirror-lock.ts'
import { type Refused, withRemoteAccess } from './remote-access.ts'

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
export async function pushBranch(request: PushRequest): Promise<HostGitResult> {
  const { host, mirror, remote, source, refused, signal, branch, commit } = request
  if (branch === request.baseBranch) throw new Error('The base branch is never pushed')
  const refspec = `${commit}:refs/heads/${branch}`
  const result = await withRemoteAccess({ host, remote, auth: source.auth, refused }, async access => {
    throwIfStopped(signal)
    if (!(await request.confirm())) throw new GitStopped()
    const args = ['push', '--porcelain', '--no-verify', '--', access.url, refspec]
    return await runHostGit({ host, gitDirectory: mirror, args, env: access.environment, signal })
  })
  if (result.exitCode === 0) await remember(request)
  return result
}

const REMEMBER_TIMEOUT_MS = 2_000

/**
 * Spares the next sync a fetch, and is not worth waiting for: what is pushed is pushed, even when a cancel or
 * another writer of the mirror keeps us from noting it.
 */
async function remember({ host, mirror, branch, commit }: PushRequest): Promise<void> {
  const args = ['update-ref', mirrorRef(branch), commit]
  const signal = AbortSignal.timeout(REMEMBER_TIMEOUT_MS)
  try {
    await withMirrorLock(mirror, signal, () => runHostGit({ host, gitDirectory: mirror, args, signal }))
  } catch (error) {
    if (!(error instanceof GitStopped)) throw error
  }
}
