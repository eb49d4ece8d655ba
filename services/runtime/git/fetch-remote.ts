/** Brings the mirror up to date with the two branches a run is about. */

import type { GitAccess } from '@mogplex/kit/git-remote/git-access.ts'
import type { Remote } from '@mogplex/kit/git-remote/parse-remote.ts'
import type { GitLimits } from '@mogplex/kit/host-git/limits.ts'
import type { GitResult } from '@mogplex/kit/host-git/run-git.ts'
import type { RepositorySource } from '@mogplex/proto/projects.ts'
import { boundsOf } from './bounds.ts'
import { BranchInTheWay, isInTheWay, refsInTheWay } from './branch-in-the-way.ts'
import { GitFailure } from './failure.ts'
import { type GitHost, runHostGit } from './host-git.ts'
import { mirrorRef, readMirrorRefs } from './mirror.ts'
import { withMirrorLock } from './mirror-lock.ts'
import { withRemoteAccess } from './remote-access.ts'
import { refusedSync, syncFailure } from './remote-failure.ts'
import { tidyMirror } from './tidy-mirror.ts'

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
 * {@link GitFailure} when the base branch is missing or the remote cannot be read, and {@link BranchInTheWay} when
 * the working branch is missing and could not be created.
 */
export async function fetchRemote(request: FetchRequest): Promise<RemoteBranches> {
  const { host, remote, source } = request
  return await withRemoteAccess({ host, remote, source, refused: refusedSync }, async access => {
    const { theirs, known } = await compare(request, access)
    const present = names(request).filter(branch => theirs.has(branch))
    if (!theirs.has(request.workingBranch)) refuseOccupied(request, theirs)
    const moved = present.filter(branch => theirs.get(branch) !== known.get(branch))
    if (moved.length === 0) return pick(request, present, known)
    await fetchBranches(request, moved, access)
    return pick(request, present, await readMirror(request))
  })
}

/**
 * Where the branches are on the remote and in the mirror. A mirror that has no base branch yet needs it whatever
 * the remote answers: it is fetched meanwhile.
 */
async function compare(request: FetchRequest, access: GitAccess) {
  const { baseBranch } = request
  const known = await readMirror(request)
  const isNew = !known.has(baseBranch)
  const [asked, fetched] = await Promise.allSettled([
    askRemote(request, access),
    isNew ? fetchBranches(request, [baseBranch], access) : null,
  ])
  // The answer tells better why there was nothing to fetch.
  if (asked.status === 'rejected') throw asked.reason
  if (!asked.value.has(baseBranch)) throw missingBase(request, asked.value.size === 0)
  if (fetched.status === 'rejected') throw fetched.reason
  return { theirs: asked.value, known: isNew ? await readMirror(request) : known }
}

function refuseOccupied({ workingBranch }: FetchRequest, theirs: Map<string, string>): void {
  const other = [...theirs.keys()].find(name => isInTheWay(workingBranch, name))
  if (other) throw new BranchInTheWay(other)
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
  const refs = [
    ...names(request).map(branch => `refs/heads/${branch}`),
    ...refsInTheWay(request.workingBranch),
  ]
  const args = ['ls-remote', '--quiet', '--', access.url, 'HEAD', ...refs]
  const result = await git(request, args, access, boundsOf(request.host).ask)
  const found = new Map<string, string>()
  for (const [, commit = '', ref = ''] of result.stdout.matchAll(/^([0-9a-f]{40,64})\t(.+)$/gm)) {
    const isBelow = ref.startsWith(`refs/heads/${request.workingBranch}/`)
    if (refs.includes(ref) || isBelow) found.set(ref.slice('refs/heads/'.length), commit)
    else if (ref === 'HEAD') found.set('HEAD', commit)
  }
  return found
}

async function fetchBranches(request: FetchRequest, wanted: string[], access: GitAccess): Promise<void> {
  const refspecs = wanted.map(branch => `+refs/heads/${branch}:${mirrorRef(branch)}`)
  const flags = ['--quiet', '--no-tags', '--no-write-fetch-head']
  const args = ['fetch', ...flags, '--', access.url, ...refspecs]
  await withMirrorLock(request.mirror, request.signal, async () => {
    await git(request, args, access, boundsOf(request.host).fetch)
    await tidyMirror(request)
  })
}

/** Branch → commit, as the mirror has it. */
function readMirror(request: FetchRequest): Promise<Map<string, string>> {
  return readMirrorRefs(request, names(request))
}

function names(request: FetchRequest): string[] {
  return [...new Set([request.baseBranch, request.workingBranch])]
}

async function git(
  request: FetchRequest,
  args: string[],
  { settings, environment: env }: GitAccess,
  limits: GitLimits,
): Promise<GitResult> {
  const { host, mirror, signal } = request
  const result = await runHostGit({ host, gitDirectory: mirror, args, settings, env, signal, limits })
  if (result.exitCode !== 0) throw syncFailure(result, request.source)
  return result
}
