/**
 * One claimed run from claim to terminal state (runtime spec 2). Whatever happens after the claim, the run
 * ends, is given back to be tried again before the agent started, or belongs to somebody else already.
 */
import { isStatementTimeout } from '@mogplex/kit/database/connect.ts'
import { liveRunSubject } from '@mogplex/proto/runtime.ts'
import type { AgentRun, Sandbox } from '../database/schema.ts'
import type { Collector } from '../git/collect.ts'
import { GitStopped } from '../git/failure.ts'
import { harnessById } from '../harnesses/registry.ts'
import {
  cancelledOutcome,
  failedOutcome,
  finishRun,
  heldBy,
  isStreaming,
  markStreaming,
  type RunOutcome,
} from '../runs/transitions.ts'
import { changeSandboxWithin } from '../sandboxes/lifecycle.ts'
import { type Claim, releaseRun } from './claim.ts'
import { concludeHarness, SHUT_DOWN } from './conclude.ts'
import { holdResultCollector } from './deliver-result.ts'
import type { RunDeps } from './deps.ts'
import { makeRoomForRun } from './disk-room.ts'
import { EventWriter } from './event-writer.ts'
import { nameExceededLimit } from './exceeded-limit.ts'
import { gatherInputs, secretsOf } from './inputs.ts'
import { holdLease, type Lease } from './lease.ts'
import { prepareRun } from './prepare.ts'
import { beginRest, finishRest } from './rest-sandbox.ts'
import { isOutage, RunFailure, RunObsolete } from './run-failure.ts'
import { runHarness } from './run-harness.ts'
import type { StartedRun } from './started-run.ts'

/** A run that could not start because a service was away is tried again after this long. */
const RETRY_SECONDS = 3
const WRITE_RETRY_MS = 1_000
/** How often the ending of a run may take longer than a statement may: about a minute together. */
const MAX_SLOW_TRIES = 6

/** Never rejects. */
export async function executeRun(claim: Claim, shutdown: AbortSignal, deps: RunDeps): Promise<void> {
  const { log } = deps
  const { run } = claim
  const lease = holdLease(claim, deps)
  const onShutdown = () => lease.abort('shutdown')
  shutdown.addEventListener('abort', onShutdown)
  try {
    const outcome = nameExceededLimit(await work(claim, lease, deps), claim, deps)
    const status = outcome?.status ?? (lease.stopReason() === 'lease-lost' ? 'lost' : 'released')
    await settle(claim, lease, deps, outcome)
    log.info({ event: 'run.ended', runId: run.id, status })
  } catch (err) {
    log.error({ event: 'run.not-settled', runId: run.id, err })
  } finally {
    shutdown.removeEventListener('abort', onShutdown)
    lease.end()
  }
}

/** How the run ends; null: it is given back, or no longer ours. */
async function work(claim: Claim, lease: Lease, deps: RunDeps): Promise<RunOutcome | null> {
  let started: StartedRun
  try {
    started = await prepareToStart(claim, lease, deps)
    if (!(await startStreaming(started))) return stoppedOutcome(claim.run, lease)
  } catch (err) {
    return outcomeBeforeStart(err, claim, lease, deps)
  }
  const outcome = await runAndConclude(started).catch(err => outcomeAfterStart(err, started))
  const note = started.writer.closingNote()
  if (!outcome || !note) return outcome
  return { ...outcome, eventsBefore: [note, ...(outcome.eventsBefore ?? [])] }
}

async function prepareToStart(claim: Claim, lease: Lease, deps: RunDeps): Promise<StartedRun> {
  const { run } = claim
  const harness = harnessById(run.harness, { echoEnabled: deps.settings.isEchoEnabled })
  if (!harness) throw new RunFailure('install_failed', `The harness ${run.harness} is not enabled here`)
  const [inputs] = await Promise.all([gatherInputs(run, harness, deps), makeRoomForRun(claim, deps)])
  const secrets = secretsOf(inputs)
  const onStored = () => deps.live.wake(liveRunSubject(run.id))
  const limits = deps.settings.outputLimits
  const writer = new EventWriter({ ...deps, claim, lease, secrets, limits, onStored })
  const prepared = await prepareRun({ claim, lease, harness, inputs, secrets, writer, deps })
  await writer.flush()
  return { claim, lease, deps, harness, inputs, writer, prepared, secrets }
}

/** True when the agent may be let go: now, by us, for the only time. Otherwise it is gone. */
async function startStreaming(started: StartedRun): Promise<boolean> {
  let isStarted = false
  try {
    isStarted = await writeStreaming(started)
    return isStarted
  } finally {
    if (!isStarted) await started.prepared.agent.discard()
  }
}

/**
 * The row says that the agent runs before it does, so that nobody starts it a second time whatever becomes of
 * this process.
 */
async function writeStreaming({ claim, lease, deps, prepared, secrets }: StartedRun): Promise<boolean> {
  const { run, leaseToken, sandbox } = claim
  const toRunning = { from: ['creating' as const, 'installing' as const], to: 'running' as const }
  while (!lease.signal.aborted) {
    try {
      const isStarted = await deps.database.transaction(async tx => {
        const events = { before: prepared.events, secrets }
        // The second look: an earlier try's commit may have arrived although its answer did not.
        if (!(await markStreaming(tx, run, leaseToken, events))) return isStreaming(tx, run.id, leaseToken)
        await changeSandboxWithin(tx, sandbox.id, { ...toRunning, workerRunId: run.id })
        return true
      })
      deps.live.wake(liveRunSubject(run.id))
      deps.pokeOutbox()
      return isStarted
    } catch (err) {
      if (!isOutage(err)) throw err
      deps.log.warn({ event: 'run.not-started-yet', runId: run.id, err })
      await Bun.sleep(WRITE_RETRY_MS)
    }
  }
  return false
}

async function runAndConclude(started: StartedRun): Promise<RunOutcome | null> {
  const { lease, deps, harness, writer, prepared, secrets } = started
  const limits = { timeoutMs: deps.settings.runTimeoutMs, idleTimeoutMs: deps.settings.runIdleTimeoutMs }
  let collector: Promise<Collector> | null = null
  const onTurnEnd = () => {
    collector ??= holdResultCollector(started)
  }
  const options = { writer, lease, limits, secrets, onTurnEnd }
  const result = await runHarness(prepared.agent.release(), harness.createParser(), options)
  return concludeHarness(started, result, collector)
}

/** Work was told to stop. A cancel ends the run; a lost lease means it is somebody else's. */
function stoppedOutcome(run: AgentRun, lease: Lease): RunOutcome | null {
  if (lease.stopReason() === 'lease-lost' || lease.stopReason() === 'shutdown') return null
  // markStreaming refused without the watcher having seen why yet: only a cancel can have come first.
  return cancelledOutcome(run)
}

/** Nothing was started: what may pass is waited for, by giving the run back. */
function outcomeBeforeStart(err: unknown, claim: Claim, lease: Lease, deps: RunDeps): RunOutcome | null {
  const { run } = claim
  if (lease.stopReason() === 'lease-lost' || lease.stopReason() === 'shutdown') return null
  if (lease.stopReason() === 'cancelled' || err instanceof RunObsolete) return cancelledOutcome(run)
  // Git was called off at its last look before a push: the cancel is in the row, just not seen here yet.
  if (err instanceof GitStopped) return cancelledOutcome(run)
  if (err instanceof RunFailure) return failedOutcome(err)
  // How often is limited: a run that does not get to start fails after a while.
  if (isOutage(err) || isStatementTimeout(err)) return null
  return brokenOutcome(err, run, deps)
}

/** An agent that was started is never started again, so now everything ends the run. */
function outcomeAfterStart(err: unknown, { claim, lease, deps }: StartedRun): RunOutcome | null {
  const { run } = claim
  if (lease.stopReason() === 'lease-lost') return null
  if (lease.stopReason() === 'shutdown') return failedOutcome(SHUT_DOWN)
  if (lease.stopReason() === 'cancelled') return cancelledOutcome(run)
  return err instanceof RunFailure ? failedOutcome(err) : brokenOutcome(err, run, deps)
}

function brokenOutcome(err: unknown, run: AgentRun, { log }: RunDeps): RunOutcome {
  log.error({ event: 'run.broke', runId: run.id, err })
  return failedOutcome({ code: 'sandbox_lost', message: 'The run failed because of an internal error' })
}

/**
 * Writes the outcome, trying while the lease holds: a database that restarts must not lose an ending. With
 * no outcome the run is given back before the agent started; a lost lease means there is nothing to write.
 */
async function settle(claim: Claim, lease: Lease, deps: RunDeps, wanted: RunOutcome | null): Promise<void> {
  const { run } = claim
  let outcome = wanted
  let resting: Sandbox | null = null
  let slowTries = 0
  while (lease.stopReason() !== 'lease-lost') {
    try {
      resting = await deps.database.transaction(async tx => {
        const isOurs = outcome
          ? await finishRun(tx, run, outcome, ['pending', 'streaming'], heldBy(claim.leaseToken))
          : await releaseRun(tx, claim, RETRY_SECONDS)
        return isOurs ? beginRest(tx, claim) : null
      })
      deps.live.wake(liveRunSubject(run.id))
      deps.pokeOutbox()
      break
    } catch (err) {
      deps.log.warn({ event: 'run.not-settled-yet', runId: run.id, err })
      if (isStatementTimeout(err)) {
        // A lock is in the way. Should it stay, the reaper ends the run once the lease is over.
        slowTries += 1
        if (slowTries === MAX_SLOW_TRIES) throw err
      } else if (!isOutage(err)) {
        // Trying the same again would fail the same way, for as long as the lease is renewed.
        if (outcome !== wanted) throw err
        outcome = brokenOutcome(err, run, deps)
      }
      await Bun.sleep(WRITE_RETRY_MS)
    }
  }
  // Should this fail, the reaper does it.
  if (resting) await finishRest(resting, run.id, deps)
}
