/** Commits and pushes what an agent has done (runtime spec 3.4, "Delivery"). */
import type { Remote } from '@mogplex/kit/git-remote/parse-remote.ts'
import type { RepositorySource } from '@mogplex/proto/projects.ts'
import type { HarnessMode } from '../harnesses/harness.ts'
import { type Collector, type CollectRequest, holdCollector, knownCommits } from './collect.ts'
import { deliveryFailure } from './failure.ts'
import { acceptIncoming, withIncoming } from './incoming.ts'
import { inspectCommits } from './inspect-commits.ts'
import { mirrorPath } from './mirror.ts'
import { pushBranch } from './push.ts'
import { readRemote } from './remote-access.ts'
import { pushFailureReason } from './remote-failure.ts'
import { allSettledThenAll } from './settle.ts'

export interface DeliverRequest extends CollectRequest {
  /** Asked for anew before each call; its credential is used for this call only. */
  source: RepositorySource | Promise<RepositorySource>
  /** One that waits already; without it, or when it failed, there is a new one. */
  collector?: Promise<Collector> | null
  mode: HarnessMode
  /** The worker's fence, asked right before the push; false calls the delivery off. */
  confirm: () => Promise<boolean>
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

/**
 * Commits leftover changes, takes the agent's commits into the mirror, and pushes them to the working branch,
 * never by force. SAFE runs deliver nothing. Throws `GitFailure` `delivery_failed`, and `GitStopped`, with
 * nothing pushed, once `signal` is aborted or `confirm` refuses.
 */
export async function deliver(request: DeliverRequest): Promise<Delivery> {
  const { host, checkout } = request
  const branch = checkout.workingBranch
  const unchanged = { branch, pushed: false, changed: false, changedFiles: 0, pullRequestUrl: null }
  if (request.mode === 'SAFE') {
    await request.source
    return { ...unchanged, commit: checkout.headCommit }
  }
  // Looked at only later: one that failed must not count as an error that nobody handles.
  const held = request.collector?.catch(() => null) ?? null
  const mirror = mirrorPath(host, request.repoId)
  const { source, commit, found } = await take(request, mirror, held)
  if (found.newCommits === 0) return { ...unchanged, commit }
  const remote = readRemote(source, deliveryFailure)
  await push(request, { source, remote, mirror, commit })
  return { ...unchanged, commit, pushed: true, changed: true, changedFiles: found.changedFiles }
}

/** Brings the agent's commits into the mirror, once they have been found to be what may be pushed. */
async function take(request: DeliverRequest, mirror: string, held: Promise<Collector | null> | null) {
  const { host, checkout, signal } = request
  return await withIncoming(host, mirror, async incoming => {
    const collect = async () => ((await held) ?? (await holdCollector(request))).collect(incoming)
    const [source, commit] = await allSettledThenAll([request.source, collect()])
    const found = await inspectCommits({ host, incoming, commit, known: knownCommits(checkout), signal })
    if (found.touchesControlDirectory)
      throw deliveryFailure('a commit touches the control directory .mogplex')
    if (found.newCommits > 0) await acceptIncoming(incoming)
    return { source, commit, found }
  })
}

async function push(
  request: DeliverRequest,
  what: { source: RepositorySource; remote: Remote; mirror: string; commit: string },
): Promise<void> {
  const { host, repoId, checkout, confirm, signal, log } = request
  const pushed = await pushBranch({
    ...what,
    host,
    branch: checkout.workingBranch,
    baseBranch: checkout.baseBranch,
    refused: deliveryFailure,
    confirm,
    signal,
  })
  if (pushed.exitCode === 0) return
  log.warn({ event: 'git_push_failed', repoId, exitCode: pushed.exitCode })
  throw deliveryFailure(pushFailureReason(pushed, what.source))
}
