/** What the agent's commits are, judged on the host by the objects the mirror has received. */
import { deliveryFailure } from './failure.ts'
import { type GitHost, type HostGitResult, runHostGit } from './host-git.ts'
import { CONTROL_PATHSPECS } from './sandbox-git.ts'

export interface CommitInspection {
  newCommits: number
  touchesControlDirectory: boolean
  changedFiles: number
}

export interface InspectRequest {
  host: GitHost
  mirror: string
  commit: string
  /** Commits that are not the agent's, the base commit first. */
  known: [string, ...string[]]
  signal: AbortSignal
}

/** Looks at `commit` and everything before it down to `known`. Throws `delivery_failed` if it is not there. */
export async function inspectCommits(request: InspectRequest): Promise<CommitInspection> {
  if (request.known.includes(request.commit)) {
    return { newCommits: 0, touchesControlDirectory: false, changedFiles: 0 }
  }
  const range = [request.commit, ...request.known.map(commit => `^${commit}`)]
  const [count, touching, changedFiles] = await Promise.all([
    git(request, ['rev-list', '--count', ...range, '--']),
    // --full-history: a change that a later merge has undone is still in the history that would be pushed.
    git(request, ['rev-list', '--full-history', '--max-count=1', ...range, '--', ...CONTROL_PATHSPECS]),
    countChangedFiles(request),
  ])
  if (count.exitCode !== 0 || touching.exitCode !== 0)
    throw deliveryFailure("the agent's commits are incomplete")
  return {
    newCommits: Number(count.stdout),
    touchesControlDirectory: touching.stdout !== '',
    changedFiles,
  }
}

/** From the merge base on; a history that has nothing in common with the base is compared as a whole. */
async function countChangedFiles(request: InspectRequest): Promise<number> {
  const [base] = request.known
  const sinceMergeBase = await countNames(request, `${base}...${request.commit}`)
  return sinceMergeBase ?? (await countNames(request, `${base}..${request.commit}`)) ?? 0
}

async function countNames(request: InspectRequest, range: string): Promise<number | null> {
  let names = 0
  const onStdout = (chunk: Uint8Array) => {
    for (const byte of chunk) if (byte === 0) names += 1
  }
  const result = await git(request, ['diff', '--name-only', '-z', range, '--'], onStdout)
  return result.exitCode === 0 ? names : null
}

async function git(
  { host, mirror, signal }: InspectRequest,
  args: string[],
  onStdout?: (chunk: Uint8Array) => void,
): Promise<HostGitResult> {
  return await runHostGit({ host, gitDirectory: mirror, args, signal, ...(onStdout ? { onStdout } : {}) })
}
