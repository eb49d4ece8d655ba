/**
 * From an ended harness process to the run's outcome (runtime spec 2, items 4 to 7; 3.3; 3.4; 5): what it
 * cost, what it failed of, what is committed and pushed.
 */
import type { Delivery } from '../database/schema.ts'
import { type NewEvent, newEvent } from '../events/append.ts'
import type { Collector } from '../git/collect.ts'
import { GitFailure, GitStopped } from '../git/failure.ts'
import { cancelledOutcome, failedOutcome, type RunOutcome } from '../runs/transitions.ts'
import { callFigures } from './call-figures.ts'
import { deliverResult, discardCollector, unknownPushEvent } from './deliver-result.ts'
import { isNotStarted } from './held-agent.ts'
import { missingAnswer } from './no-answer.ts'
import type { HarnessResult } from './run-harness.ts'
import type { StartedRun } from './started-run.ts'

/** How a run ends whose agent the process could not wait for. */
export const SHUT_DOWN = {
  code: 'runner_lost',
  message: 'The runtime was shut down while the agent ran',
} as const

/**
 * `collector`: what `holdResultCollector` gave, if it was called; its use ends here. Null only when the lease
 * is lost.
 */
export async function concludeHarness(
  started: StartedRun,
  result: HarnessResult,
  collector: Promise<Collector> | null,
): Promise<RunOutcome | null> {
  const { claim, deps, secrets } = started
  const { run } = claim
  const { endedBy } = result
  const isStopped = endedBy === 'lease-lost' || endedBy === 'cancelled' || endedBy === 'shutdown'
  const failure = isStopped ? null : failureOf(result, started)
  // The price is asked for while git works.
  const delivering = isStopped || failure ? null : deliverResult(started, collector)
  delivering?.catch(() => undefined)
  if (!delivering) discardCollector(collector)
  if (endedBy === 'lease-lost') return null
  const figures = await callFigures(run, { ...result, model: result.model ?? started.inputs.model }, deps)
  const rest = { callFigures: figures.columns, secrets }
  if (endedBy === 'shutdown') return failedOutcome(SHUT_DOWN, rest)
  if (failure) return failedOutcome({ ...failure, exitCode: result.exitCode }, rest)
  if (!delivering) return cancelledOutcome(run, rest)
  try {
    const { delivery, event } = await delivering
    const arrived = stoppedAfterPush(started, { delivery, event }, rest)
    if (arrived) return arrived.outcome
    const terminalEvent = newEvent('finished', {
      message: delivery.changed
        ? `Pushed ${delivery.changedFiles} changed ${delivery.changedFiles === 1 ? 'file' : 'files'} to ${delivery.branch}`
        : 'No changes',
      payload: { exit_code: result.exitCode, usage: figures.usage, cost_usd: figures.costUsd, delivery },
    })
    const ended = { error: null, failureCode: null, delivery, eventsBefore: [event], terminalEvent }
    return { status: 'success', ...ended, ...rest }
  } catch (err) {
    return undelivered(err, started, rest)
  }
}

/**
 * How a run ends that was stopped while its push was under way: as it does anyway, but what has arrived is told.
 * Null: it was not stopped. An outcome of null: the lease is lost.
 */
function stoppedAfterPush(
  { claim, lease }: StartedRun,
  { delivery, event }: { delivery: Delivery; event: NewEvent },
  rest: Partial<RunOutcome>,
): { outcome: RunOutcome | null } | null {
  const reason = lease.stopReason()
  if (reason === null) return null
  if (reason === 'lease-lost') return { outcome: null }
  const told = delivery.pushed ? { ...rest, delivery, eventsBefore: [event] } : rest
  const outcome = reason === 'shutdown' ? failedOutcome(SHUT_DOWN, told) : cancelledOutcome(claim.run, told)
  return { outcome }
}

/** Null when the lease is lost. */
function undelivered(err: unknown, { claim, lease, deps }: StartedRun, figures: Partial<RunOutcome>) {
  const { run } = claim
  const unknown = err instanceof GitStopped ? err.mayHaveArrived : null
  const rest = unknown ? { ...figures, eventsBefore: [unknownPushEvent(unknown)] } : figures
  if (lease.stopReason() === 'lease-lost') return null
  if (lease.stopReason() === 'shutdown') return failedOutcome(SHUT_DOWN, rest)
  // Refused at the last look: a cancel was first, or the lease is gone and the guard of the ending refuses too.
  if (lease.stopReason() === 'cancelled' || err instanceof GitStopped) return cancelledOutcome(run, rest)
  if (err instanceof GitFailure) return failedOutcome(err, rest)
  deps.log.error({ event: 'run.delivery-broke', runId: run.id, err })
  const message = 'The agent finished, but delivery failed because of an internal error'
  return failedOutcome({ code: 'delivery_failed', message }, rest)
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
  const endedWell = result.exitCode === 0 && !result.saidFailed
  return endedWell ? missingAnswer(result, harness) : harness.classifyFailure(result)
}
