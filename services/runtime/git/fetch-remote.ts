/** Brings the mirror up to date with the two branches a run is about. */
import type { GitAccess } from '@mogplex/kit/git-remote/git-access.ts'
import type { Remote } from '@mogplex/kit/git-remote/parse-remote.ts'
import type { RepositorySource } from '@mogplex/proto/projects.ts'
import { GitFailure } from './failure.ts'
import { type GitHost, type HostGitResult, runHostGit } from './host-git.ts'
import { mirrorRef } from './mirror.ts'
import { withMirrorLock } from './mirror-lock.ts'
import { withRemoteAccess } from './remote-access.ts'
import { refusedSync, syncFailure } from './remote-failure.ts'

export interface RemoteBranches {
  baseCommit: string
  /** null when the remote has no such branch. */
  workingCommit: string | null
}

export interface FetchRequest {
  host: GitHost
  mirror: string
  source: RepositorySource
  remote: Remote
  baseBranch: string
  workingBranch: string
  signal: AbortSignal
}

/**
 * Asks the remote where the branches are and fetches them unless the mirror has them already, so that a
 * remote that has not moved costs one connection. Both commits are in the mirror afterwards. Throws
 * {@link GitFailure} when the base branch is missing or the remote cannot be read.
 */
export async function fetchRemote(request: FetchRequest): Promise<RemoteBranches> {
  const { host, remote, source } = request
  return await withRemoteAccess({ host, remote, auth: source.auth, refused: refusedSync }, async access => {
    const [theirs, known] = await Promise.all([askRemote(request, access), readMirror(request)])
    const present = names(request).filter(branch => theirs.has(branch))
    if (!theirs.has(request.baseBranch)) throw missingBase(request, theirs.size === 0)
    const moved = present.filter(branch => theirs.get(branch) !== known.get(branch))
    if (moved.length === 0) return pick(request, present, known)
    await withMirrorLock(request.mirror, request.signal, () => fetchBranches(request, moved, access))
    return pick(request, present, await readMirror(request))
  })
}

/** A branch the mirror still has but the remote has no more does not count. */
function pick(request: FetchRequest, present: string[], commits: Map<string, string>): RemoteBranches {
  const baseCommit = commits.get(request.baseBranch)
  if (!baseCommit) throw new Error('The mirror lost the base branch')
  const isPresent = present.includes(request.workingBranch)
  return { baseCommit, workingCommit: (isPresent && commits.get(request.workingBranch)) || null }
}

function missingBase(request: FetchRequest, isEmpty: boolean): GitFailure {
  const text = isEmpty
    ? `The remote repository has no commits: push a first commit to "${request.baseBranch}"`
    : `The base branch "${request.baseBranch}" does not exist in the remote repository`
  return new GitFailure('git_sync_failed', text)
}

/** Branch → commit, as the remote says; `HEAD` tells an empty repository from a missing branch. */
async function askRemote(request: FetchRequest, access: GitAccess): Promise<Map<string, string>> {
  const refs = names(request).map(branch => `refs/heads/${branch}`)
  const args = ['ls-remote', '--quiet', '--', access.url, 'HEAD', ...refs]
  const result = await git(request, args, access.environment)
  const found = new Map<string, string>()
  for (const [, commit = '', ref = ''] of result.stdout.matchAll(/^([0-9a-f]{40,64})\t(.+)$/gm)) {
    if (refs.includes(ref)) found.set(ref.slice('refs/heads/'.length), commit)
    else if (ref === 'HEAD') found.set('HEAD', commit)
  }
  return found
}

async function fetchBranches(request: FetchRequest, wanted: string[], access: GitAccess): Promise<void> {
  const refspecs = wanted.map(branch => `+refs/heads/${branch}:${mirrorRef(branch)}`)
  const flags = ['--quiet', '--no-tags', '--no-write-fetch-head']
  await git(request, ['fetch', ...flags, '--', access.url, ...refspecs], access.environment)
}

/** Branch → commit, as the mirror has it. */
async function readMirror(request: FetchRequest): Promise<Map<string, string>> {
  const byRef = new Map(names(request).map(branch => [mirrorRef(branch), branch]))
  const result = await git(request, ['for-each-ref', '--format=%(objectname) %(refname)', ...byRef.keys()])
  const found = new Map<string, string>()
  for (const line of result.stdout.split('\n')) {
    const [commit = '', ref = ''] = line.split(' ')
    const branch = byRef.get(ref)
    if (branch) found.set(branch, commit)
  }
  return found
}

function names(request: FetchRequest): string[] {
  return [...new Set([request.baseBranch, request.workingBranch])]
}

async function git(
  request: FetchRequest,
  args: string[],
  env: Record<string, string> = {},
): Promise<HostGitResult> {
  const { host, mirror, signal } = request
  const result = await runHostGit({ host, gitDirectory: mirror, args, env, signal })
  if (result.exitCode !== 0) throw syncFailure(result, request.source)
  return result
}
