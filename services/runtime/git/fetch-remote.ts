/** Brings the mirror up to date with the two branches a run is about. */

import { readRemoteFailure } from '@mogplex/kit/git-remote/failure-kind.ts'
import type { GitAccess } from '@mogplex/kit/git-remote/git-access.ts'
import type { Remote } from '@mogplex/kit/git-remote/parse-remote.ts'
import { isWebPage, TRACE_HEADERS } from '@mogplex/kit/git-remote/web-page.ts'
import type { GitLimits } from '@mogplex/kit/host-git/limits.ts'
import type { GitResult } from '@mogplex/kit/host-git/run-git.ts'
import type { RepositorySource } from '@mogplex/proto/projects.ts'
import { boundsOf } from './bounds.ts'
import { GitFailure } from './failure.ts'
import { type GitHost, runHostGit } from './host-git.ts'
import { mirrorRef, readMirrorRefs } from './mirror.ts'
import { withMirrorLock } from './mirror-lock.ts'
import { withRemoteAccess } from './remote-access.ts'
import { refusedSync, syncFailure, syncRefusal } from './remote-failure.ts'
import { whileOutage } from './retry-remote.ts'
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
 * remote that has not moved costs one connection. Both commits are in the mirror afterwards. A remote that does not
 * answer is asked again. Throws {@link GitFailure} when the base branch is missing or the remote cannot be read, and
 * its `RemoteOutage` when that may pass.
 */
export async function fetchRemote(request: FetchRequest): Promise<RemoteBranches> {
  const { host, remote, source } = request
  return await whileOutage(request, () =>
    withRemoteAccess({ host, remote, source, refused: refusedSync }, async access => {
      const { theirs, known } = await compare(request, access)
      const present = names(request).filter(branch => theirs.has(branch))
      const moved = present.filter(branch => theirs.get(branch) !== known.get(branch))
      if (moved.length === 0) return pick(request, present, known)
      await fetchBranches(request, moved, access)
      return pick(request, present, await readMirror(request))
    }),
  )
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
  const result = await start(request, args, access, boundsOf(request.host).ask)
  if (readRemoteFailure(result).kind === 'redirects') await refuseWebPage(request, args, access)
  if (result.exitCode !== 0) throw syncFailure(result, request.source)
  const found = new Map<string, string>()
  for (const [, commit = '', ref = ''] of result.stdout.matchAll(/^([0-9a-f]{40,64})\t(.+)$/gm)) {
    if (refs.includes(ref)) found.set(ref.slice('refs/heads/'.length), commit)
    else if (ref === 'HEAD') found.set('HEAD', commit)
  }
  if ([...found.values()].some(commit => commit.length === SHA256_LENGTH)) throw syncRefusal('sha256')
  if (found.size === 0 && request.remote.kind === 'http') await refuseWebPage(request, args, access)
  return found
}

const SHA256_LENGTH = 64

/** Whatever answers 200 looks like an empty repository to git: what has no branch at all is looked at twice. */
async function refuseWebPage(request: FetchRequest, args: string[], access: GitAccess): Promise<void> {
  const environment = { ...access.environment, ...TRACE_HEADERS }
  const { stderr } = await start(request, args, { ...access, environment }, boundsOf(request.host).ask)
  if (isWebPage(stderr)) throw syncRefusal('not-git')
}

async function fetchBranches(request: FetchRequest, wanted: string[], access: GitAccess): Promise<void> {
  const refspecs = wanted.map(branch => `+refs/heads/${branch}:${mirrorRef(branch)}`)
  const flags = ['--quiet', '--no-tags', '--no-write-fetch-head']
  const args = ['fetch', ...flags, '--', access.url, ...refspecs]
  await withMirrorLock(request.mirror, request.signal, async () => {
    const { stderr } = await git(request, args, access, boundsOf(request.host).fetch)
    // Git leaves out what it does not want of a shallow clone, and calls that a success.
    if (readRemoteFailure({ stderr }).kind === 'shallow') throw syncRefusal('shallow')
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
  access: GitAccess,
  limits: GitLimits,
): Promise<GitResult> {
  const result = await start(request, args, access, limits)
  if (result.exitCode !== 0) throw syncFailure(result, request.source)
  return result
}

function start(
  request: FetchRequest,
  args: string[],
  { settings, environment: env }: GitAccess,
  limits: GitLimits,
): Promise<GitResult> {
  const { host, mirror, signal } = request
  return runHostGit({ host, gitDirectory: mirror, args, settings, env, signal, limits })
}
