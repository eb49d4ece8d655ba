/** What an agent that ended well has done, on its way to the remote (runtime spec 3.4, "Delivery"). */
import { ApiError } from '@mogplex/kit/errors.ts'
import { getRepoSource } from '@mogplex/proto/projects.ts'
import type { Delivery } from '../database/schema.ts'
import type { NewEvent } from '../events/append.ts'
import { redactMessage } from '../events/redact.ts'
import { type Collector, type CollectRequest, holdCollector } from '../git/collect.ts'
import { deliver } from '../git/deliver.ts'
import { deliveryFailure } from '../git/failure.ts'
import { namesOfSkipped } from '../git/skipped.ts'
import { mayPush } from './claim.ts'
import { stageEvent } from './event-mapping.ts'
import { isOutage } from './run-failure.ts'
import { modeOf, type StartedRun } from './started-run.ts'

const SOURCE_ATTEMPTS = 20
const SOURCE_RETRY_MS = 3_000

/** To be called when the agent is about to end: what takes its commits out is then ready when it has. */
export function holdResultCollector(started: StartedRun): Promise<Collector> | null {
  if (modeOf(started.claim.run) === 'SAFE') return null
  const collector = holdCollector(collectRequest(started))
  // Whoever uses it makes another one then.
  collector.catch(() => undefined)
  return collector
}

/** Not waited for: the pause after the run ends what is left in its sandbox. */
export function discardCollector(collector: Promise<Collector> | null): void {
  collector?.then(held => held.discard()).catch(() => undefined)
}

/** Throws `GitFailure` and `GitStopped`; `event` is to be stored with the run's ending. */
export async function deliverResult(
  started: StartedRun,
  collector: Promise<Collector> | null,
): Promise<{ delivery: Delivery; event: NewEvent }> {
  const { claim, lease, deps, secrets } = started
  const { run } = claim
  const { note, skipped, ...rest } = await deliver({
    ...collectRequest(started),
    collector,
    source: freshSource(started),
    mode: modeOf(run),
    callId: run.aiCallId,
    confirm: () => mayPush(claim, { database: deps.database, signal: lease.signal }),
  })
  // A path is the agent's text like any other.
  const shown = skipped.map(({ path, reason }) => ({ path: redactMessage(path, secrets), reason }))
  const delivery = { ...rest, skipped: shown }
  const said = note ?? (delivery.changed ? `Pushed ${delivery.branch}` : 'Nothing to deliver')
  const isOdd = note !== null || delivery.skipped.length > 0
  const event = stageEvent('git_delivery', `${said}${namesOfSkipped(delivery.skipped)}`, {
    ...(isOdd ? { level: 'warning' } : {}),
    changed: delivery.changed,
    pull_request_url: delivery.pullRequestUrl,
    base_branch: run.baseBranch,
    working_branch: delivery.branch,
    files: delivery.changedFiles,
    ...(note === null ? {} : { reason: note }),
    ...(delivery.skipped.length === 0 ? {} : { skipped: delivery.skipped }),
  })
  return { delivery, event }
}

/** Of a push that was called off and whose outcome nobody knows. */
export function unknownPushEvent({ branch, commit }: { branch: string; commit: string }): NewEvent {
  const message = `Whether the push to ${branch} has arrived could not be found out`
  return stageEvent('git_delivery', message, { level: 'warning', working_branch: branch, commit })
}

function collectRequest({ claim, lease, deps, inputs, prepared }: StartedRun): CollectRequest {
  const { run } = claim
  return {
    host: deps.gitHost,
    provider: deps.provider,
    sandboxId: prepared.sandboxId,
    repoId: run.repoId,
    checkout: prepared.checkout,
    author: inputs.author,
    prompt: run.prompt,
    signal: lease.signal,
    log: deps.log,
  }
}

/** Credentials are asked for anew before the push; an outage of projects, or of GitHub, is waited out for a minute. */
async function freshSource({ claim, lease, deps }: StartedRun) {
  const { userId, repoId } = claim.run
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await deps.ask(getRepoSource, { userId, repoId }, { userId })
    } catch (err) {
      const isGithubAway = err instanceof ApiError && err.code === 'GITHUB_UNAVAILABLE'
      if (!isOutage(err) && !isGithubAway) throw deliveryFailure(sourceRefusal(err), err)
      if (attempt === SOURCE_ATTEMPTS || lease.signal.aborted) {
        const who = isGithubAway ? 'GitHub' : 'the projects service'
        throw deliveryFailure(`${who} does not answer`, err)
      }
      await Bun.sleep(SOURCE_RETRY_MS)
    }
  }
}

function sourceRefusal(err: unknown): string {
  if (!(err instanceof ApiError) || err.status >= 500) return 'the repository could not be looked up'
  return err.code === 'REPO_NOT_FOUND' ? 'the repo is gone' : err.message
}
