/**
 * Ends what nobody works on any more (runtime spec 2, item 6; 14; v1 contract 7.8, 8; spec README, 24), and
 * frees sandboxes whose run is over. Every sweep is safe to run on several replicas at once.
 */
import type { Database } from '@mogplex/kit/database/connect.ts'
import { liveRunSubject } from '@mogplex/proto/runtime.ts'
import { and, eq, inArray, isNotNull, type SQL, sql } from 'drizzle-orm'
import {
  ACTIVE_SANDBOX_STATUSES,
  type AgentRun,
  agentRuns,
  type RunStatus,
  sandboxes,
} from '../database/schema.ts'
import { removeMirror } from '../git/mirror.ts'
import { forgetLeftoversOfRepo, forgetOldLeftovers } from '../runs/leftovers-store.ts'
import { cancelledOutcome, failedOutcome, finishRun, isUnheld, type RunOutcome } from '../runs/transitions.ts'
import { changeSandbox } from '../sandboxes/lifecycle.ts'
import type { RunDeps } from './deps.ts'
import { destroyStopped, makeRoomOnHost } from './disk-room.ts'
import { remoteWaitedFor } from './remote-wait.ts'

const SWEEP_MS = 5_000
const MAX_PENDING_MINUTES = 15
const MIRROR_LIMIT_MS = 2_000
/** A worker acts on a cancel within seconds; one that has not by now is not going to. */
const CANCEL_LIMIT_SECONDS = 25

/** The part of the process the reaper needs. */
export type ReaperDeps = Omit<RunDeps, 'ask' | 'settings'>

export function startReaper(deps: ReaperDeps): { stop: () => void } {
  let isSweeping = false
  const sweepOnce = async () => {
    if (isSweeping) return
    isSweeping = true
    await sweep(deps)
    isSweeping = false
  }
  const timer = setInterval(() => void sweepOnce(), SWEEP_MS)
  void sweepOnce()
  return { stop: () => clearInterval(timer) }
}

/** One pass over everything that can be left behind; never rejects. What one step cannot do keeps no other from its work. */
export async function sweep(deps: ReaperDeps): Promise<void> {
  const { database, log } = deps
  const steps = [
    () => endAbandonedRuns(deps),
    () => restForgottenSandboxes(deps),
    () => stopRetiredSandboxes(database),
    () => destroyDeadSandboxes(database, deps),
    () => forgetOldLeftovers(deps),
    () => makeRoomOnHost(deps),
  ]
  for (const step of steps) await step().catch(err => log.warn({ event: 'reaper.failed', err }))
}

async function endAbandonedRuns(deps: ReaperDeps): Promise<void> {
  const shortage = deps.provider.shortage()
  const why = shortage ? `. ${shortage}` : ''
  await endRuns(deps, 'pending', and(isNotNull(agentRuns.controlState), isUnheld()), run =>
    cancelledOutcome(run),
  )
  await endRuns(
    deps,
    'streaming',
    sql`${agentRuns.controlState} is not null and ${agentRuns.updatedAt} < now() - make_interval(secs => ${CANCEL_LIMIT_SECONDS})`,
    run => cancelledOutcome(run),
  )
  await endRuns(deps, 'streaming', isUnheld(), () =>
    failedOutcome({ code: 'runner_lost', message: 'The worker that ran the agent was lost' }),
  )
  await endRuns(
    deps,
    'pending',
    sql`${agentRuns.createdAt} < now() - make_interval(mins => ${MAX_PENDING_MINUTES})`,
    run => neverStarted(run, deps.database, why),
  )
}

/** A remote that did not answer all the while is named: that is for the run's owner to see to. */
async function neverStarted(run: AgentRun, database: Database, why: string): Promise<RunOutcome> {
  const message = `The run could not start within ${MAX_PENDING_MINUTES} minutes`
  const remote = await remoteWaitedFor(database, run)
  return remote === null
    ? failedOutcome({ code: 'runner_lost', message: `${message}${why}` })
    : failedOutcome({ code: 'git_sync_failed', message: `${message}. ${remote}` })
}

async function endRuns(
  deps: ReaperDeps,
  from: RunStatus,
  condition: SQL | undefined,
  outcomeOf: (run: AgentRun) => RunOutcome | Promise<RunOutcome>,
): Promise<void> {
  const { database, live, log } = deps
  const guard = condition ?? sql`true`
  const rows = await database
    .select()
    .from(agentRuns)
    .where(and(eq(agentRuns.status, from), guard))
    .limit(100)
  for (const run of rows) {
    const outcome = await outcomeOf(run)
    const ended = await database.transaction(tx => finishRun(tx, run, outcome, [from], guard))
    if (!ended) continue
    log.warn({ event: 'run.reaped', runId: run.id, from })
    live.wake(liveRunSubject(run.id))
    deps.pokeOutbox()
  }
}

/** Active sandboxes that no run holds: their worker died. The processes died with it; make sure, and pause. */
async function restForgottenSandboxes({ database, provider, log }: ReaperDeps): Promise<void> {
  const forgotten = await database
    .update(sandboxes)
    // Before anything is ended in it: no run may enter meanwhile.
    .set({ status: 'pausing' })
    .where(
      and(
        inArray(sandboxes.status, ACTIVE_SANDBOX_STATUSES),
        sql`not exists (select 1 from runtime.agent_runs run where run.sandbox_record_id = ${sandboxes.id}
          and run.status in ('pending', 'streaming') and run.lease_token is not null)`,
        // A run's last transition and the pause after it are not one transaction: leave its worker the time.
        sql`${sandboxes.lastActiveAt} < now() - interval '15 seconds'`,
      ),
    )
    .returning()
  for (const sandbox of forgotten) {
    log.warn({ event: 'sandbox.forgotten', sandboxRecordId: sandbox.id })
    if (sandbox.sandboxId) await provider.pause(sandbox.sandboxId)
    const to = sandbox.sandboxId ? 'paused' : 'stopped'
    await changeSandbox(database, sandbox.id, {
      from: ['pausing'],
      to,
      stopReason: to === 'paused' ? 'auto_pause' : 'unknown',
    })
  }
}

async function stopRetiredSandboxes(database: Database): Promise<void> {
  const resting = await database
    .select({ id: sandboxes.id })
    .from(sandboxes)
    .where(and(eq(sandboxes.isRetired, true), eq(sandboxes.status, 'paused')))
  for (const { id } of resting) {
    await changeSandbox(database, id, { from: ['paused'], to: 'stopped', stopReason: 'manual' })
  }
}

/** No files outlive the record that says the sandbox is gone (runtime spec 14, 8), nor its repo. */
async function destroyDeadSandboxes(database: Database, { provider, gitHost }: ReaperDeps): Promise<void> {
  const dead = await database
    .select()
    .from(sandboxes)
    .where(and(inArray(sandboxes.status, ['stopped', 'error']), isNotNull(sandboxes.sandboxId)))
    .limit(20)
  for (const sandbox of dead) {
    if (sandbox.isRetired) {
      await removeMirror(gitHost, sandbox.repoId, AbortSignal.timeout(MIRROR_LIMIT_MS))
      await forgetLeftoversOfRepo(database, sandbox.repoId)
    }
    await destroyStopped(sandbox, { database, provider })
  }
}
