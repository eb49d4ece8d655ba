/** Brings the mirror up to date with the two branches a run is about. */

import { readRemoteFailure } from '@mogplex/kit/git-remote/failure-kind.ts'
import type { GitAccess } from '@mogplex/kit/git-remote/git-access.ts'
import type { Remote } from '@mogplex/kit/git-remote/parse-remote.ts'
import { isWebPage, TRACE_HEADERS } from '@mogplex/kit/git-remote/web-page.ts'
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
import { refusedSync, syncFailure, syncRefusal } from './remote-failure.ts'
import { whileOutage } from './retry-remote.ts'
import {
  areTagsNoted,
  dropChangedTags,
  noteFirstTags,
  noteTags,
  type RemoteTags,
  TAGS_PATTERN,
  tagsAmong,
} from './tags.ts'
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
 * answer is asked again. Throws {@link GitFailure} when the base branch is missing or the remote cannot be read, its
 * `RemoteOutage` when that may pass, and {@link BranchInTheWay} when the working branch is missing and could not be
 * created.
 */
export async function fetchRemote(request: FetchRequest): Promise<RemoteBranches> {
  const { host, remote, source } = request
  return await whileOutage(request, () =>
    withRemoteAccess({ host, remote, source, refused: refusedSync }, async access => {
      const { theirs, tags, known } = await compare(request, access)
      const present = names(request).filter(branch => theirs.has(branch))
      if (!theirs.has(request.workingBranch)) refuseOccupied(request, theirs)
      const moved = present.filter(branch => theirs.get(branch) !== known.get(branch))
      const areTagsNew = !(await areTagsNoted(request.mirror, tags))
      if (moved.length === 0 && !areTagsNew) return pick(request, present, known)
      await fetchBranches(request, moved.length > 0 ? moved : [request.baseBranch], access, tags)
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
  const { branches: theirs, tags } = asked.value
  if (!theirs.has(baseBranch)) throw missingBase(request, theirs.size === 0)
  if (fetched.status === 'rejected') throw fetched.reason
  if (!isNew) return { theirs, tags, known }
  await noteFirstTags(request, tags)
  return { theirs, tags, known: await readMirror(request) }
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

interface RemoteRefs {
  /** Branch → commit, as the remote says; `HEAD` tells an empty repository from a missing branch. */
  branches: Map<string, string>
  tags: RemoteTags
}

async function askRemote(request: FetchRequest, access: GitAccess): Promise<RemoteRefs> {
  const refs = [
    ...names(request).map(branch => `refs/heads/${branch}`),
    ...refsInTheWay(request.workingBranch),
  ]
  const args = ['ls-remote', '--quiet', '--', access.url, 'HEAD', ...refs, TAGS_PATTERN]
  const result = await start(request, args, access, boundsOf(request.host).ask)
  if (readRemoteFailure(result).kind === 'redirects') await refuseWebPage(request, args, access)
  assertSucceeded(request, result)
  const lines = result.stdout.matchAll(/^([0-9a-f]{40,64})\t(.+)$/gm)
  const found = Array.from(lines, ([, object = '', ref = '']) => [ref, object] as const)
  if (found.some(([, object]) => object.length === SHA256_LENGTH)) throw syncRefusal('sha256')
  if (found.length === 0 && request.remote.kind === 'http') await refuseWebPage(request, args, access)
  const below = `refs/heads/${request.workingBranch}/`
  const branches = found
    .filter(([ref]) => ref === 'HEAD' || refs.includes(ref) || ref.startsWith(below))
    .map(([ref, commit]): [string, string] => [ref.replace(/^refs\/heads\//, ''), commit])
  return { branches: new Map(branches), tags: tagsAmong(found, boundsOf(request.host).tags) }
}

const SHA256_LENGTH = 64

/** Whatever answers 200 looks like an empty repository to git: what has no branch at all is looked at twice. */
async function refuseWebPage(request: FetchRequest, args: string[], access: GitAccess): Promise<void> {
  const environment = { ...access.environment, ...TRACE_HEADERS }
  const { stderr } = await start(request, args, { ...access, environment }, boundsOf(request.host).ask)
  if (isWebPage(stderr)) throw syncRefusal('not-git')
}

/** Exit code of a fetch that got its objects and could not update a ref. */
const REF_REFUSED = 1

/** `tags`: as the remote has them now; without, the mirror is new and has none that could have changed. */
async function fetchBranches(
  request: FetchRequest,
  wanted: string[],
  access: GitAccess,
  tags?: RemoteTags,
): Promise<void> {
  const refspecs = wanted.map(branch => `+refs/heads/${branch}:${mirrorRef(branch)}`)
  // Without a word about tags git takes those along that point at what it fetches.
  const follow = tags?.objects.size === 0 ? ['--no-tags'] : []
  const fetch = (...more: string[]) => [
    'fetch',
    '--quiet',
    '--no-write-fetch-head',
    ...more,
    '--',
    access.url,
    ...refspecs,
  ]
  const limits = boundsOf(request.host).fetch
  await withMirrorLock(request.mirror, request.signal, async () => {
    if (tags && !(await areTagsNoted(request.mirror, tags))) await dropChangedTags(request, tags)
    let result = await start(request, fetch(...follow), access, limits)
    // Git has refused a ref, as it does with names that no ref may have. No tag keeps the branches from coming.
    if (result.exitCode === REF_REFUSED) result = await start(request, fetch('--no-tags'), access, limits)
    assertSucceeded(request, result)
    // Git leaves out what it does not want of a shallow clone, and calls that a success.
    if (readRemoteFailure(result).kind === 'shallow') throw syncRefusal('shallow')
    if (tags) await noteTags(request.mirror, tags)
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

function start(
  { host, mirror, signal }: FetchRequest,
  args: string[],
  { settings, environment: env }: GitAccess,
  limits: GitLimits,
): Promise<GitResult> {
  return runHostGit({ host, gitDirectory: mirror, args, settings, env, signal, limits })
}

function assertSucceeded({ source }: FetchRequest, result: GitResult): void {
  if (result.exitCode !== 0) throw syncFailure(result, source)
}
