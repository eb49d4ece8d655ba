/**
 * From an ended harness process to the run's outcome (runtime spec 2, items 4 to 7; 3.3; 3.4; 5): what it
 * cost, what it failed of, what is committed and pushed.
 */
import { ApiError } from '@mogplex/kit/errors.ts'
import { getRepoSource } from '@mogplex/proto/projects.ts'
import type { Delivery } from '../database/schema.ts'
import { newEvent } from '../events/append.ts'
import { deliver } from '../git/deliver.ts'
import { deliveryFailure, GitFailure, GitStopped } from '../git/failure.ts'
import { cancelledOutcome, failedOutcome, type RunOutcome } from '../runs/transitions.ts'
import { callFigures } from './call-figures.ts'
import { mayPush } from './claim.ts'
import { stageEvent } from './event-mapping.ts'
import { isNotStarted } from './held-agent.ts'
import { isOutage } from './run-failure.ts'
import type { HarnessResult } from './run-harness.ts'
import { modeOf, type StartedRun } from './started-run.ts'

const SOURCE_ATTEMPTS = 20
const SOURCE_RETRY_MS = 3_000
/** How a run ends whose agent the process could not wait for. */
export const SHUT_DOWN = {
  code: 'runner_lost',
  message: 'The runtime was shut down while the agent ran',
} as const

/** Null only when the lease is lost. */
export async function concludeHarness(
  started: StartedRun,
  result: HarnessResult,
): Promise<RunOutcome | null> {
  const { claim, lease, deps, secrets } = started
  const { run } = claim
  if (result.endedBy === 'lease-lost') return null
  const figures = await callFigures(run, { ...result, model: result.model ?? started.inputs.model }, deps)
  const rest = { callFigures: figures.columns, secrets }
  if (result.endedBy === 'cancelled') return cancelledOutcome(run, rest)
  if (result.endedBy === 'shutdown') return failedOutcome(SHUT_DOWN, rest)
  const failure = failureOf(result, started)
  if (failure) return failedOutcome({ ...failure, exitCode: result.exitCode }, rest)

  try {
    const delivery = await deliverResult(started)
    const event = newEvent('finished', {
      message: delivery.changed
        ? `Pushed ${delivery.changedFiles} changed ${delivery.changedFiles === 1 ? 'file' : 'files'} to ${delivery.branch}`
        : 'No changes',
      payload: { exit_code: result.exitCode, usage: figures.usage, cost_usd: figures.costUsd, delivery },
    })
    return { status: 'success', error: null, failureCode: null, delivery, terminalEvent: event, ...rest }
  } catch (err) {
    if (lease.stopReason() === 'lease-lost') return null
    if (lease.stopReason() === 'shutdown') return failedOutcome(SHUT_DOWN, rest)
    // Refused at the last look: a cancel was first, or the lease is gone and the guard of the ending refuses too.
    if (lease.stopReason() === 'cancelled' || err instanceof GitStopped) return cancelledOutcome(run, rest)
    if (err instanceof GitFailure) return failedOutcome(err, rest)
    deps.log.error({ event: 'run.delivery-broke', runId: run.id, err })
    const message = 'The agent finished, but delivery failed because of an internal error'
    return failedOutcome({ code: 'delivery_failed', message }, rest)
  }
}

function failureOf(result: HarnessResult, { deps, harness }: StartedRun) {
  const { runTimeoutMs, runIdleTimeoutMs } = deps.settings
  if (isNotStarted(result)) {
    return { code: 'sandbox_lost' as const, message: "The agent's files could not be written" }
  }
  if (result.endedBy === 'timeout') {
    return { code: 'timeout' as const, message: `The agent ran longer than ${runTimeoutMs / 1000} s` }
  }
  if (result.endedBy === 'idle_timeout') {
    return {
      code: 'idle_timeout' as const,
      message: `The agent said nothing for ${runIdleTimeoutMs / 1000} s`,
    }
  }
  return result.exitCode === 0 && !result.saidFailed ? null : harness.classifyFailure(result)
}

async function deliverResult(started: StartedRun): Promise<Delivery> {
  const { claim, lease, deps, inputs, writer, prepared } = started
  const { run } = claim
  const delivery = await deliver({
    host: deps.gitHost,
    provider: deps.provider,
    sandboxId: prepared.sandboxId,
    repoId: run.repoId,
    source: await freshSource(started),
    checkout: prepared.checkout,
    author: inputs.author,
    prompt: run.prompt,
    mode: modeOf(run),
    signal: lease.signal,
    confirm: () => mayPush(claim, { database: deps.database, signal: lease.signal }),
    log: deps.log,
  })
  await writer.add([
    stageEvent('git_delivery', delivery.changed ? `Pushed ${delivery.branch}` : 'Nothing to deliver', {
      changed: delivery.changed,
      pull_request_url: delivery.pullRequestUrl,
      base_branch: run.baseBranch,
      working_branch: delivery.branch,
      files: delivery.changedFiles,
    }),
  ])
  await writer.flush()
  return delivery
}

/** Credentials are asked for anew before the push; an outage of projects is waited out for a minute. */
async function freshSource({ claim, lease, deps }: StartedRun) {
  const { userId, repoId } = claim.run
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await deps.ask(getRepoSource, { userId, repoId }, { userId })
    } catch (err) {
      if (!isOutage(err)) throw deliveryFailure(sourceRefusal(err), err)
      if (attempt === SOURCE_ATTEMPTS || lease.signal.aborted) {
        throw deliveryFailure('the projects service does not answer', err)
      }
      await Bun.sleep(SOURCE_RETRY_MS)
    }
  }
}

function sourceRefusal(err: unknown): string {
  if (!(err instanceof ApiError) || err.status >= 500) return 'the repository could not be looked up'
  return err.code === 'REPO_NOT_FOUND' ? 'the repo is gone' : err.message
}
