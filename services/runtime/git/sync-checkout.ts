/** Brings a sandbox's checkout to the run's working branch (runtime spec 3.4, "Sync"; spec README, 41). */
import { isValidGitRef } from '@mogplex/kit/git-ref.ts'
import type { Remote } from '@mogplex/kit/git-remote/parse-remote.ts'
import { sha256Hex } from '@mogplex/kit/ids.ts'
import type { Log } from '@mogplex/kit/log.ts'
import type { RepositorySource } from '@mogplex/proto/projects.ts'
import type { SandboxProvider } from '../sandboxes/provider.ts'
import { BranchInTheWay, flatName } from './branch-in-the-way.ts'
import { GitFailure } from './failure.ts'
import { fetchRemote, type RemoteBranches } from './fetch-remote.ts'
import type { GitHost } from './host-git.ts'
import { ensureMirror, readMirrorRefs } from './mirror.ts'
import type { MissingContent } from './missing-content.ts'
import { recordCreated } from './own-branches.ts'
import { pushBranch } from './push.ts'
import { type PutAside, putAside } from './put-aside.ts'
import { readRemote } from './remote-access.ts'
import { refusedSync, syncFailure } from './remote-failure.ts'
import { type CheckoutRequest, type CheckoutResult, runCheckout } from './run-checkout.ts'
import { allSettledThenAll } from './settle.ts'

/** What is known of a sandbox that was used before. */
export interface SandboxPast {
  /** The run that what lies in it is named after. */
  leftBy: string
  /** Commits that were delivered from it, the newest first. */
  delivered: readonly string[]
}

export interface SyncRequest {
  host: GitHost
  provider: SandboxProvider
  sandboxId: string
  repoId: string
  /** Asked for anew before each call; its credential is used for this call only. */
  source: RepositorySource
  baseBranch: string
  workingBranch: string
  /** Whether a working branch that exists nowhere is created from the base branch, and pushed. */
  createBranch: boolean
  /** Whether the sandbox was made for this sync: nothing can be in it yet. Default: false. */
  isNewSandbox?: boolean
  /** Default: nothing was delivered from it, and what lies in it is named after the call. */
  past?: SandboxPast | Promise<SandboxPast>
  /** Called when something was put aside, before it is gone from the checkout. Its failure is the sync's. */
  onPutAside?: (found: Exclude<PutAside, { kind: 'nothing' }>) => Promise<void>
  /** No branch is made in the sandbox before this has come to be. Its failure is the sync's. */
  recorded?: Promise<unknown>
  /** Looked for whether it has been run in the checkout with what is there now. */
  install?: { key: string; rootDirectory: string | null }
  /** Names the branch when working and base branch are the same. */
  callId: string
  /** Asked before a created branch is pushed; false calls the sync off. */
  confirm: () => Promise<boolean>
  signal: AbortSignal
  log: Log
}

/** What a checkout stands on; `deliver` wants it back. */
export interface SyncedCheckout {
  baseBranch: string
  /** Not the one asked for when that was the base branch, or a generated name that the remote has no room for. */
  workingBranch: string
  baseCommit: string
  headCommit: string
  /** Where the working branch is on the remote; null when it is not there yet. */
  remoteCommit: string | null
  freshClone: boolean
  /** Whether the install command need not run; absent without one. */
  isInstalled?: boolean
  /** What the repository keeps elsewhere; absent when that is nothing. */
  missing?: MissingContent
}

/**
 * Fetches base and working branch into the mirror, fills or updates the checkout inside the sandbox, and
 * creates the working branch where that was asked for. Afterwards the checkout is what the remote's branch is, or
 * the base branch where the remote has no such branch; uncommitted changes and undelivered commits are put aside
 * first, ignored files stay. A repository without any commit cannot be synced.
 * Throws {@link GitFailure} `git_sync_failed` or `credentials_missing`, and `GitStopped` once `signal` is
 * aborted or `confirm` refuses.
 */
export async function syncCheckout(request: SyncRequest): Promise<SyncedCheckout> {
  const remote = checkedRemote(request)
  const isBase = request.workingBranch === request.baseBranch
  const workingBranch = isBase ? agentBranch(request.callId) : request.workingBranch
  try {
    return await syncBranch({ ...request, workingBranch }, remote, isBase)
  } catch (cause) {
    if (!(cause instanceof BranchInTheWay)) throw cause
    const free = flatName(workingBranch)
    if (!free || cause.other !== 'mogplex') throw occupied(request, workingBranch, cause)
    return await syncBranch({ ...request, workingBranch: free }, remote, isBase)
  }
}

async function syncBranch(request: SyncRequest, remote: Remote, isBase: boolean): Promise<SyncedCheckout> {
  const { host, provider, sandboxId, source, signal, log, baseBranch, workingBranch } = request
  const mirror = await ensureMirror(host, request.repoId, remote)
  const known = knownBefore(request, mirror)
  const fetch = { host, mirror, source, remote, baseBranch, workingBranch, signal }
  const fetched = known.then(() => fetchRemote(fetch))
  const fetching = allSettledThenAll([fetched, request.recorded]).then(([branches]) => branches)
  const { install } = request
  const checkout: CheckoutRequest = {
    ...{ provider, sandboxId, mirror, baseBranch, workingBranch, known, fetching, install, signal, log },
    createBranch: isBase || request.createBranch,
    originUrl: source.cloneUrl,
  }
  const push = (commit: string) => pushCreated(request, remote, mirror, commit)
  // A branch we had to invent reaches the remote with its first commit, and not before. In a new sandbox there is
  // nothing that could keep us from creating the branch, so the push need not wait for the checkout to say so.
  const mayPushEarly = request.isNewSandbox && request.createBranch && !isBase
  const [branches, first, early] = await allSettledThenAll([
    fetching,
    runCheckout(checkout, 'nothing'),
    mayPushEarly ? fetching.then(found => (found.workingCommit ? null : push(found.baseCommit))) : null,
  ])
  const done = first ?? (await checkOutAnew(request, checkout, branches))
  const remoteCommit = early ?? branches.workingCommit
  const mustPush = done.isCreated && !isBase && remoteCommit === null
  return {
    baseBranch,
    workingBranch,
    baseCommit: branches.baseCommit,
    headCommit: done.commit,
    remoteCommit: mustPush ? await push(branches.baseCommit) : remoteCommit,
    freshClone: done.isFresh,
    ...(install ? { isInstalled: done.isInstalled } : {}),
    ...(done.missing ? { missing: done.missing } : {}),
  }
}

/** What the remote had when it was last asked, and what was delivered from this sandbox; nothing for a new one. */
async function knownBefore(request: SyncRequest, mirror: string): Promise<string[]> {
  if (request.isNewSandbox) return []
  const { host, signal, workingBranch, baseBranch } = request
  const [past, refs] = await Promise.all([
    request.past,
    readMirrorRefs({ host, mirror, signal }, [workingBranch, baseBranch]),
  ])
  return [...new Set([...refs.values(), ...(past?.delivered ?? [])])]
}

/** Puts aside what lies in the checkout, and brings it to the branch whatever state it is in. */
async function checkOutAnew(
  request: SyncRequest,
  checkout: CheckoutRequest,
  branches: RemoteBranches,
): Promise<CheckoutResult> {
  const { baseCommit, workingCommit } = branches
  const leftBy = (await request.past)?.leftBy ?? request.callId
  const now = workingCommit ? [workingCommit, baseCommit] : [baseCommit]
  const [first = baseCommit, ...others] = [...new Set([...(await checkout.known), ...now])]
  const aside = await putAside({ ...request, mirror: checkout.mirror, leftBy, known: [first, ...others] })
  if (aside.kind !== 'nothing') await request.onPutAside?.(aside)
  const isIntact = aside.kind === 'nothing' || (aside.kind === 'kept' && aside.isWhole)
  const inPlace = isIntact ? await runCheckout(checkout, 'work tree') : null
  const done = inPlace ?? (await runCheckout(checkout, 'all'))
  if (done) return done
  throw new GitFailure('git_sync_failed', 'The checkout could not be brought up to date')
}

function occupied({ createBranch }: SyncRequest, branch: string, { other }: BranchInTheWay): GitFailure {
  const text = createBranch
    ? `The working branch "${branch}" cannot be created: the remote has a branch "${other}". Choose another name, or rename that branch`
    : `The working branch "${branch}" does not exist`
  return new GitFailure('git_sync_failed', text)
}

/** `mogplex/agent-` and 12 hex digits of the call's id. */
export function agentBranch(callId: string): string {
  const digits = callId.replaceAll('-', '').toLowerCase()
  const hex = /^[0-9a-f]{32}$/.test(digits) ? digits.slice(-12) : sha256Hex(callId).slice(0, 12)
  return `mogplex/agent-${hex}`
}

function checkedRemote({ source, baseBranch, workingBranch }: SyncRequest): Remote {
  if (!isValidGitRef(baseBranch))
    throw new GitFailure('git_sync_failed', 'The base branch has an invalid name')
  if (!isValidGitRef(workingBranch)) {
    throw new GitFailure('git_sync_failed', 'The working branch has an invalid name')
  }
  return readRemote(source, refusedSync)
}

async function pushCreated(request: SyncRequest, remote: Remote, mirror: string, commit: string) {
  const { host, source, baseBranch, workingBranch: branch, confirm, signal } = request
  const push = { host, mirror, source, remote, commit, branch, baseBranch, confirm, signal }
  const result = await pushBranch({ ...push, refused: refusedSync })
  if (result.exitCode !== 0) throw syncFailure(result, source)
  await recordCreated(mirror, { branch, commit, from: commit })
  return commit
}
