/** Commits and pushes what an agent has done (runtime spec 3.4, "Delivery"). */
import type { Log } from '@mogplex/kit/log.ts'
import type { RepositorySource } from '@mogplex/proto/projects.ts'
import type { HarnessMode } from '../harnesses/harness.ts'
import type { SandboxProvider } from '../sandboxes/provider.ts'
import { commitMessage } from './commit-message.ts'
import { deliveryFailure } from './failure.ts'
import type { GitHost } from './host-git.ts'
import { inspectCommits } from './inspect-commits.ts'
import { mirrorPath } from './mirror.ts'
import { pushBranch } from './push.ts'
import { receiveCommits } from './receive-commits.ts'
import { readRemote } from './remote-access.ts'
import { remoteFailureReason } from './remote-failure.ts'
import { readScript, startScript } from './sandbox-git.ts'
import type { SyncedCheckout } from './sync-checkout.ts'

export interface DeliverRequest {
  host: GitHost
  provider: SandboxProvider
  sandboxId: string
  repoId: string
  /** Asked for anew before each call; its credential is used for this call only. */
  source: RepositorySource
  /** What `syncCheckout` returned before the agent started. */
  checkout: SyncedCheckout
  /** Who the run belongs to: author and committer of what the agent left uncommitted. */
  author: { name: string; email: string }
  prompt: string
  mode: HarnessMode
  /** The worker's fence, asked right before the push; false calls the delivery off. */
  confirm: () => Promise<boolean>
  signal: AbortSignal
  log: Log
}

export interface Delivery {
  branch: string
  /** Where the working branch stands in the checkout. */
  commit: string
  pushed: boolean
  /** Whether the branch has commits the remote did not have. */
  changed: boolean
  /** Files that differ between the merge base with the base branch and `commit`; 0 when not `changed`. */
  changedFiles: number
  pullRequestUrl: null
}

const SCRIPT = await readScript('collect.sh')

const REASON_BY_EXIT_CODE: Record<number, string> = {
  31: 'the checkout is no longer a readable git repository',
  32: 'the checkout has unresolved merge conflicts',
  33: 'another branch than the working branch is checked out',
}

/**
 * Commits leftover changes, takes the agent's commits into the mirror, and pushes them to the working branch,
 * never by force. SAFE runs deliver nothing. Throws `GitFailure` `delivery_failed`, and `GitStopped`, with
 * nothing pushed, once `signal` is aborted or `confirm` refuses.
 */
export async function deliver(request: DeliverRequest): Promise<Delivery> {
  const { host, source, checkout, signal, log } = request
  const branch = checkout.workingBranch
  const unchanged = { branch, pushed: false, changed: false, changedFiles: 0, pullRequestUrl: null }
  if (request.mode === 'SAFE') return { ...unchanged, commit: checkout.headCommit }
  const remote = readRemote(source, deliveryFailure)
  const mirror = mirrorPath(host, request.repoId)
  const commit = await collect(request, mirror)
  const found = await inspectCommits({ host, mirror, commit, known: known(checkout), signal })
  if (found.newCommits === 0) return { ...unchanged, commit }
  if (found.touchesControlDirectory) throw deliveryFailure('a commit touches the control directory .mogplex')
  const { baseBranch } = checkout
  const { confirm } = request
  const pushed = await pushBranch({
    host,
    mirror,
    source,
    remote,
    commit,
    branch,
    baseBranch,
    refused: deliveryFailure,
    confirm,
    signal,
  })
  if (pushed.exitCode !== 0) {
    log.warn({ event: 'git_push_failed', repoId: request.repoId, exitCode: pushed.exitCode })
    throw deliveryFailure(remoteFailureReason(pushed))
  }
  return { ...unchanged, commit, pushed: true, changed: true, changedFiles: found.changedFiles }
}

/** Commits of which the mirror has everything. The base commit comes first. */
function known(checkout: SyncedCheckout): [string, ...string[]] {
  const { baseCommit, remoteCommit } = checkout
  return remoteCommit && remoteCommit !== baseCommit ? [baseCommit, remoteCommit] : [baseCommit]
}

/** The commit to deliver; everything it needs is in the mirror afterwards. */
async function collect(request: DeliverRequest, mirror: string): Promise<string> {
  const { host, provider, sandboxId, checkout, author, signal, log } = request
  const env = {
    WORKING: checkout.workingBranch,
    KNOWN: known(checkout).join(' '),
    GIT_AUTHOR_NAME: author.name || author.email,
    GIT_AUTHOR_EMAIL: author.email,
    GIT_COMMITTER_NAME: author.name || author.email,
    GIT_COMMITTER_EMAIL: author.email,
  }
  const stdin = commitMessage(request.prompt)
  const running = await startScript({ provider, sandboxId, script: SCRIPT, env, stdin, signal })
  const received = await receiveCommits(running, { host, mirror, signal })
  if (received.kind === 'received') return received.commit
  log.warn({ event: 'git_collect_failed', sandboxId, ...received, stderr: received.stderr.slice(-2_000) })
  if (received.kind === 'damaged') throw deliveryFailure("the agent's commits are damaged or too large")
  throw deliveryFailure(REASON_BY_EXIT_CODE[received.exitCode ?? -1] ?? 'the changes could not be committed')
}
