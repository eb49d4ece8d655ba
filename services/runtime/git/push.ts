/**
 * The only place that writes to a remote: one branch, never the base branch, and never over what somebody else has
 * pushed. A push that is called off while it is under way is not left to chance: its outcome is read from the remote.
 */

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
  /**
   * Where the remote's branch must be for the push to happen; then its history may be replaced. Null: the branch
   * must not be there. Absent: the push only ever adds to what is there.
   */
  lease?: string | null
  /** Makes the failure for a remote whose host may not be connected to. */
  refused: Refused
  /** Asked right before the push; false calls it off. */
  confirm: () => Promise<boolean>
  signal: AbortSignal
}

/** How long a push that is called off may still take, and how long the remote may take to say what came of it. */
const GRACE_MS = 4_000
const ASK_MS = 2_500

/**
 * Pushes one commit of the mirror to one branch; the result says what git thought of it. Once the signal is aborted,
 * or when `confirm` refuses, it throws {@link GitStopped} with nothing pushed; but a push that was under way and has
 * arrived is a push. `GitStopped.mayHaveArrived` is set where the remote did not say in time.
 */
export async function pushBranch(request: PushRequest): Promise<GitResult> {
  const { host, remote, source, refused, signal, branch } = request
  if (branch === request.baseBranch) throw new Error('The base branch is never pushed')
  const wanted = { host, remote, source, refused, push: { branch } }
  const pushOnce = async (access: GitAccess) => {
    throwIfStopped(signal)
    if (!(await request.confirm())) throw new GitStopped()
    return await pushWith(request, access)
  }
  return await whileOutage(request, () =>
    withRemoteAccess(wanted, access =>
      pushUntilAnswered({ ...request, access, push: () => pushOnce(access) }, remote.kind !== 'local'),
    ),
  )
}

async function pushWith(request: PushRequest, access: GitAccess): Promise<GitResult> {
  const { host, mirror, signal, branch, commit } = request
  throwIfStopped(signal)
  const ended = new AbortController()
  let timer: Timer | undefined
  const endSoon = () => {
    timer = setTimeout(() => ended.abort(), GRACE_MS)
  }
  signal.addEventListener('abort', endSoon, { once: true })
  try {
    const result = await runHostGit({
      host,
      gitDirectory: mirror,
      args: [
        ...asRemote(access.url, branch),
        'push',
        '--porcelain',
        '--no-verify',
        ...leaseArguments(request),
        '--',
        REMOTE,
        `${commit}:refs/heads/${branch}`,
      ],
      settings: access.settings,
      env: access.environment,
      umask: access.umask,
      signal: ended.signal,
      limits: boundsOf(host).push,
    })
    return signal.aborted && result.exitCode !== 0 ? await readOutcome(request, access) : result
  } catch (error) {
    if (!(error instanceof GitStopped)) throw error
    return await readOutcome(request, access)
  } finally {
    signal.removeEventListener('abort', endSoon)
    clearTimeout(timer)
  }
}

function leaseArguments({ branch, lease }: PushRequest): string[] {
  return lease === undefined ? [] : [`--force-with-lease=refs/heads/${branch}:${lease ?? ''}`]
}

/** What came of a push whose git was ended. Throws {@link GitStopped} unless it has arrived. */
async function readOutcome(request: PushRequest, access: GitAccess): Promise<GitResult> {
  const { host, mirror, branch, commit } = request
  const ref = `refs/heads/${branch}`
  const asked = await runHostGit({
    host,
    gitDirectory: mirror,
    args: ['ls-remote', '--quiet', '--', access.url, ref],
    settings: access.settings,
    env: access.environment,
    signal: AbortSignal.timeout(ASK_MS),
    limits: boundsOf(host).ask,
  }).catch((error: unknown) => {
    if (error instanceof GitStopped) return null
    throw error
  })
  if (asked?.exitCode !== 0) throw new GitStopped({ mayHaveArrived: { branch, commit } })
  if (!asked.stdout.split('\n').includes(`${commit}\t${ref}`)) throw new GitStopped()
  return { ...asked, stdout: '', stderr: '' }
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

/**
 * Whether the branch was not where the push wanted it: git's own line about the ref says so, never a hook's text.
 * True also for a name that cannot be made because of another branch's (`a` and `a/b`).
 */
export function isRefusedForItsPlace({ exitCode, stdout }: GitResult): boolean {
  return exitCode !== 0 && PLACE.test(stdout)
}

const PLACE =
  /^!\t[^\t]*\t(\[rejected\] \((fetch first|non-fast-forward|stale info|already exists|needs force)\)|\[remote rejected\] \((failed to update ref|cannot lock ref|directory file conflict|incorrect old value|reference already exists|fetch first|non-fast-forward)[^)]*\))/m
