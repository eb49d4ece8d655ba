/** Commits and pushes what an agent has done (runtime spec 3.4, "Delivery"; spec README, 42 and 43). */
import type { RepositorySource } from '@mogplex/proto/projects.ts'
import type { HarnessMode } from '../harnesses/harness.ts'
import {
  type Collected,
  type Collector,
  type CollectRequest,
  holdCollector,
  knownCommits,
} from './collect.ts'
import { deliveryFailure } from './failure.ts'
import { acceptIncoming, type Incoming, withIncoming } from './incoming.ts'
import { type CommitInspection, inspectCommits } from './inspect-commits.ts'
import { mirrorPath } from './mirror.ts'
import { readRemote } from './remote-access.ts'
import { sendCommits } from './send-commits.ts'
import { allSettledThenAll } from './settle.ts'
import { joinSkipped, type SkippedPath } from './skipped.ts'

export interface DeliverRequest extends CollectRequest {
  /** Asked for anew before each call; its credential is used for this call only. */
  source: RepositorySource | Promise<RepositorySource>
  /** One that waits already; without it, or when it failed, there is a new one. */
  collector?: Promise<Collector> | null
  mode: HarnessMode
  /** Names the branch of what the working branch cannot take. */
  callId: string
  /** The worker's fence, asked right before each push; false calls the delivery off. */
  confirm: () => Promise<boolean>
}

export interface Delivery {
  /** The working branch, or the one made because that could not take the agent's commits. */
  branch: string
  /** Where `branch` stands. */
  commit: string
  pushed: boolean
  /** Whether the branch has commits the remote did not have. */
  changed: boolean
  /** Files that differ between the merge base with the base branch and `commit`; 0 when not `changed`. */
  changedFiles: number
  pullRequestUrl: null
  /** What lies in the checkout and is not in `commit`. */
  skipped: SkippedPath[]
}

export interface Delivered extends Delivery {
  /** What was out of the ordinary about the push, a sentence for the run's owner without a full stop. */
  note: string | null
}

/**
 * Commits leftover changes, takes the agent's commits into the mirror, and pushes them: to the working branch, on top
 * of what somebody else has pushed meanwhile, or else to a new branch. SAFE runs deliver nothing. Throws `GitFailure`
 * `delivery_failed`, and `GitStopped` once `signal` is aborted or `confirm` refuses, with nothing pushed but what that
 * error names. A push that arrived in spite of the abort is returned like any other.
 */
export async function deliver(request: DeliverRequest): Promise<Delivered> {
  const { host, checkout, signal } = request
  const branch = checkout.workingBranch
  const unchanged = {
    branch,
    pushed: false,
    changed: false,
    changedFiles: 0,
    pullRequestUrl: null,
    note: null,
  }
  if (request.mode === 'SAFE') {
    await request.source
    return { ...unchanged, commit: checkout.headCommit, skipped: [] }
  }
  // Looked at only later: one that failed must not count as an error that nobody handles.
  const held = request.collector?.catch(() => null) ?? null
  const mirror = mirrorPath(host, request.repoId)
  const { source, collected, found } = await take(request, mirror, held)
  const { commit, isBeside } = collected
  const skipped = joinSkipped(collected.skipped, found.gitlinks)
  if (found.newCommits === 0) return { ...unchanged, commit, skipped }
  const remote = readRemote(source, deliveryFailure)
  const inspect = (claimed: Collected['commit'], incoming: Incoming, more: string[]) =>
    inspectAndAccept({ host, checkout, signal }, claimed, incoming, more)
  const sent = await sendCommits({ ...request, source, remote, mirror, commit, isBeside, inspect })
  const { isThere, ...at } = sent
  if (isThere) return { ...unchanged, ...at, changedFiles: 0, skipped }
  const changedFiles = sent.changedFiles ?? found.changedFiles
  return { ...at, pushed: true, changed: true, changedFiles, pullRequestUrl: null, skipped }
}

/** Brings the agent's commits into the mirror, once they have been found to be what may be pushed. */
async function take(request: DeliverRequest, mirror: string, held: Promise<Collector | null> | null) {
  return await withIncoming(request.host, mirror, async incoming => {
    const collect = async () => ((await held) ?? (await holdCollector(request))).collect(incoming)
    const [source, collected] = await allSettledThenAll([request.source, collect()])
    const found = await inspectAndAccept(request, collected.commit, incoming, [])
    return { source, collected, found }
  })
}

/** Of what a sandbox claims. `more`: what the mirror has beside the commits that the run began with. */
async function inspectAndAccept(
  { host, checkout, signal }: Pick<DeliverRequest, 'host' | 'checkout' | 'signal'>,
  commit: string,
  incoming: Incoming,
  more: string[],
): Promise<CommitInspection> {
  const known: [string, ...string[]] = [...knownCommits(checkout), ...more]
  const found = await inspectCommits({ host, incoming, commit, known, signal })
  if (found.touchesControlDirectory) throw deliveryFailure('a commit touches the control directory .mogplex')
  if (found.newCommits > 0) await acceptIncoming(incoming)
  return found
}
