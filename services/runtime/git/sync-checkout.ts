/** Brings a sandbox's checkout to the run's working branch (runtime spec 3.4, "Sync"). */
import { isValidGitRef } from '@mogplex/kit/git-ref.ts'
import type { Remote } from '@mogplex/kit/git-remote/parse-remote.ts'
import { tail } from '@mogplex/kit/host-git/run-git.ts'
import { sha256Hex } from '@mogplex/kit/ids.ts'
import type { Log } from '@mogplex/kit/log.ts'
import type { RepositorySource } from '@mogplex/proto/projects.ts'
import type { SandboxProvider } from '../sandboxes/provider.ts'
import { GitFailure } from './failure.ts'
import { fetchRemote, type RemoteBranches } from './fetch-remote.ts'
import type { GitHost } from './host-git.ts'
import { ensureMirror } from './mirror.ts'
import { recordCreated } from './own-branches.ts'
import { pushBranch } from './push.ts'
import { readRemote } from './remote-access.ts'
import { refusedSync, syncFailure } from './remote-failure.ts'
import { MIRROR_MOUNT_PATH, readScript, startScript } from './sandbox-git.ts'
import { allSettledThenAll } from './settle.ts'

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
  /** No branch is made in the sandbox before this has come to be. Its failure is the sync's. */
  recorded?: Promise<unknown>
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
  /** Not the one asked for when that was the base branch. */
  workingBranch: string
  baseCommit: string
  headCommit: string
  /** Where the working branch is on the remote; null when it is not there yet. */
  remoteCommit: string | null
  freshClone: boolean
}

const SCRIPT = await readScript('checkout.sh')

/** The fetch failed, and says so itself. */
const NOTHING_FETCHED = 24

const MESSAGE_BY_EXIT_CODE: Record<number, (branch: string) => string> = {
  20: () => 'The checkout has uncommitted changes; nothing was touched',
  21: () => 'The checkout is not a readable git repository; nothing was touched',
  22: branch => `The working branch "${branch}" does not exist`,
  23: branch => `The working branch "${branch}" and its remote branch have diverged`,
}

/**
 * Fetches base and working branch into the mirror, fills or updates the checkout inside the sandbox, and
 * creates the working branch where that was asked for. A repository without any commit cannot be synced.
 * Throws {@link GitFailure} `git_sync_failed` or `credentials_missing`, and `GitStopped` once `signal` is
 * aborted or `confirm` refuses. A dirty checkout fails with nothing touched.
 */
export async function syncCheckout(request: SyncRequest): Promise<SyncedCheckout> {
  const { host, source, signal, baseBranch } = request
  const remote = checkedRemote(request)
  const isBase = request.workingBranch === baseBranch
  const workingBranch = isBase ? agentBranch(request.callId) : request.workingBranch
  const mirror = await ensureMirror(host, request.repoId, remote)
  const fetch = { host, mirror, source, remote, baseBranch, workingBranch, signal }
  const fetching = allSettledThenAll([fetchRemote(fetch), request.recorded]).then(([branches]) => branches)
  const env = {
    MIRROR: MIRROR_MOUNT_PATH,
    BASE: baseBranch,
    WORKING: workingBranch,
    CREATE: isBase || request.createBranch ? '1' : '0',
    ORIGIN_URL: source.cloneUrl,
  }
  const push = (commit: string) => pushCreated(request, remote, mirror, commit)
  // A branch we had to invent reaches the remote with its first commit, and not before. In a new sandbox there is
  // nothing that could keep us from creating the branch, so the push need not wait for the checkout to say so.
  const mayPushEarly = request.isNewSandbox && request.createBranch && !isBase
  const [branches, checkout, early] = await allSettledThenAll([
    fetching,
    runCheckout(request, mirror, env, fetching),
    mayPushEarly ? fetching.then(found => (found.workingCommit ? null : push(found.baseCommit))) : null,
  ])
  const remoteCommit = early ?? branches.workingCommit
  const mustPush = checkout.isCreated && !isBase && remoteCommit === null
  return {
    baseBranch,
    workingBranch,
    baseCommit: branches.baseCommit,
    headCommit: checkout.commit,
    remoteCommit: mustPush ? await push(branches.baseCommit) : remoteCommit,
    freshClone: checkout.isFresh,
  }
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

interface CheckoutResult {
  commit: string
  isFresh: boolean
  isCreated: boolean
}

async function runCheckout(
  { provider, sandboxId, signal, log }: SyncRequest,
  mirror: string,
  env: Record<string, string>,
  fetching: Promise<RemoteBranches>,
): Promise<CheckoutResult> {
  const stdin = fetching.then(({ baseCommit, workingCommit }) => `${baseCommit} ${workingCommit ?? ''}\n`)
  // Whoever awaits the fetch reports it; here it only means that there is nothing to check out.
  stdin.catch(() => undefined)
  const running = await startScript({ provider, sandboxId, script: SCRIPT, env, stdin, mirror, signal })
  const [stdout, , exitCode] = await Promise.all([
    tail(running.stdout),
    tail(running.stderr),
    running.finish(),
  ])
  const [, commit, isFresh, isCreated] = /^([0-9a-f]{40}) ([01]) ([01])\n$/.exec(stdout) ?? []
  if (exitCode === 0 && commit) return { commit, isFresh: isFresh === '1', isCreated: isCreated === '1' }
  // Not what it said: the agent's checkout has a say in that, and no output of an agent belongs into a log.
  if (exitCode !== NOTHING_FETCHED) log.warn({ event: 'git_checkout_failed', sandboxId, exitCode })
  const message = MESSAGE_BY_EXIT_CODE[exitCode ?? -1]?.(env.WORKING ?? '')
  throw new GitFailure('git_sync_failed', message ?? 'The checkout could not be brought up to date')
}

async function pushCreated(request: SyncRequest, remote: Remote, mirror: string, commit: string) {
  const { host, source, baseBranch, workingBranch: branch, confirm, signal } = request
  const push = { host, mirror, source, remote, commit, branch, baseBranch, confirm, signal }
  const result = await pushBranch({ ...push, refused: refusedSync })
  if (result.exitCode !== 0) throw syncFailure(result, source)
  await recordCreated(mirror, { branch, commit, from: commit })
  return commit
}
