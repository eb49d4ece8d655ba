/**
 * One claimed run from claim to terminal state (runtime spec 2). Whatever happens after the claim, the run
 * ends, is given back to be tried again before the agent started, or belongs to somebody else already.
 */
import { liveRunSubject } from '@mogplex/proto/runtime.ts'
import type { AgentRun } from '../database/schema.ts'
import { GitStopped } from '../git/failure.ts'
import { harnessById } from '../harnesses/registry.ts'
import {
  cancelledOutcome,
  failedOutcome,
  finishRun,
  heldBy,
  markStreaming,
  type RunOutcome,
} from '../runs/transitions.ts'
import { type Claim, releaseRun } from './claim.ts'
import { concludeHarness } from './conclude.ts'
import type { RunDeps } from './deps.ts'
import { createEventWriter } from './event-writer.ts'
import { gatherInputs, secretsOf } from './inputs.ts'
import { holdLease, type Lease } from './lease.ts'
import { prepareRun } from './prepare.ts'
import { beginRest, finishRest } from './rest-sandbox.ts'
import { isOutage, RunFailure, RunObsolete } from './run-failure.ts'
import { runHarness } from './run-harness.ts'
import { modeOf, type StartedRun } from './started-run.ts'
import { writeHarnessFiles } from './write-harness-files.ts'

/** A run that could not start because a service was away is tried again after this long. */
const RETRY_SECONDS = 3
const WRITE_RETRY_MS = 1_000

/** Never rejects. */
export async function executeRun(claim: Claim, shutdown: AbortSignal, deps: RunDeps): Promise<void> {
  const { log } = deps
  const { run } = claim
  const lease = holdLease(claim, deps)
  const onShutdown = () => lease.abort('shutdown')
  shutdown.addEventListener('abort', onShutdown)
  try {
    const outcome = await work(claim, lease, deps)
    await settle(claim, lease, deps, outcome)
    log.info({
      event: 'run.ended',
      runId: run.id,
      status: outcome?.status ?? lease.stopReason() ?? 'released',
    })
  } catch (err) {
    log.error({ event: 'run.not-settled', runId: run.id, err })
  } finally {
    shutdown.removeEventListener('abort', onShutdown)
    lease.end()
  }
}

/** How the run ends; null: it is given back, or no longer ours. */
async function work(claim: Claim, lease: Lease, deps: RunDeps): Promise<RunOutcome | null> {
  const { run } = claim
  try {
    const harness = harnessById(run.harness, { echoEnabled: deps.settings.isEchoEnabled })
    if (!harness) throw new RunFailure('install_failed', `The harness ${run.harness} is not enabled here`)
    const inputs = await gatherInputs(run, harness, deps)
    const secrets = secretsOf(inputs)
    const onStored = () => deps.live.wake(liveRunSubject(run.id))
    const writer = createEventWriter({ ...deps, claim, lease, secrets, onStored })
    const prepared = await prepareRun({ claim, lease, harness, inputs, writer, deps })
    await writer.flush()
    if (!(await startStreaming(claim, lease, deps))) return stoppedOutcome(run, lease)
    return await runAndConclude({ claim, lease, deps, harness, inputs, writer, prepared, secrets })
  } catch (err) {
    return outcomeOfError(err, claim, lease, deps)
  }
}

async function startStreaming({ run, leaseToken }: Claim, lease: Lease, deps: RunDeps): Promise<boolean> {
  if (lease.signal.aborted) return false
  const started = await deps.database.transaction(tx => markStreaming(tx, run, leaseToken))
  if (!started) return false
  deps.live.wake(liveRunSubject(run.id))
  deps.pokeOutbox()
  return true
}

async function runAndConclude(started: StartedRun): Promise<RunOutcome | null> {
  const { claim, lease, deps, harness, inputs, writer, prepared } = started
  const { run } = claim
  const { settings } = deps
  const command = harness.command(
    {
      prompt: run.prompt,
      rootPath: prepared.rootPath,
      mode: modeOf(run),
      model: inputs.model,
      credential: inputs.credential,
      openaiBaseUrl: settings.openaiBaseUrl,
      anthropicBaseUrl: settings.anthropicBaseUrl,
      aiGatewayBaseUrl: settings.aiGatewayBaseUrl,
      repositoryEnv: inputs.launchConfig.env,
    },
    prepared.installation,
  )
  const { files, ...process } = command
  await writeHarnessFiles(files, prepared.sandboxId, deps.provider)
  const child = await deps.provider.start(prepared.sandboxId, {
    ...process,
    cwd: prepared.rootPath,
    network: 'egress',
  })
  const limits = { timeoutMs: settings.runTimeoutMs, idleTimeoutMs: settings.runIdleTimeoutMs }
  const result = await runHarness(child, harness.createParser(), { writer, lease, limits })
  return concludeHarness(started, result)
}

/** Work was told to stop. A cancel ends the run; a lost lease means it is somebody else's. */
function stoppedOutcome(run: AgentRun, lease: Lease): RunOutcome | null {
  if (lease.stopReason() === 'lease-lost' || lease.stopReason() === 'shutdown') return null
  // markStreaming refused without the watcher having seen why yet: only a cancel can have come first.
  return cancelledOutcome(run)
}

async function outcomeOfError(
  err: unknown,
  claim: Claim,
  lease: Lease,
  deps: RunDeps,
): Promise<RunOutcome | null> {
  const { run } = claim
  if (lease.stopReason() === 'lease-lost') return null
  if (lease.stopReason() === 'shutdown') return null
  if (lease.stopReason() === 'cancelled' || err instanceof RunObsolete) return cancelledOutcome(run)
  // Git was called off at its last look before a push: the cancel is in the row, just not seen here yet.
  if (err instanceof GitStopped) return cancelledOutcome(run)
  if (err instanceof RunFailure) return failedOutcome(err)
  if (isOutage(err)) return null
  deps.log.error({ event: 'run.broke', runId: run.id, err })
  return failedOutcome({ code: 'sandbox_lost', message: 'The run failed because of an internal error' })
}

/**
 * Writes the outcome, trying while the lease holds: a database that restarts must not lose an ending. With
 * no outcome the run is given back before the agent started; a lost lease means there is nothing to write.
 */
async function settle(claim: Claim, lease: Lease, deps: RunDeps, outcome: RunOutcome | null): Promise<void> {
  const { run } = claim
  while (lease.stopReason() !== 'lease-lost') {
    try {
      const resting = await deps.database.transaction(async tx => {
        const isOurs = outcome
          ? await finishRun(tx, run, outcome, ['pending', 'streaming'], heldBy(claim.leaseToken))
          : await releaseRun(tx, claim, RETRY_SECONDS)
        return isOurs ? beginRest(tx, claim) : null
      })
      deps.live.wake(liveRunSubject(run.id))
      deps.pokeOutbox()
      if (resting) await finishRest(resting, run.id, deps)
      return
    } catch (err) {
      deps.log.warn({ event: 'run.not-settled-yet', runId: run.id, err })
      await Bun.sleep(WRITE_RETRY_MS)
    }
  }
}
