/**
 * Every change of a run's state (v1 contract 8; runtime spec 2): one conditional statement for the run, the
 * call beside it, the event, and the fact for other services, in one transaction. If no row changed, somebody
 * else was first, and nothing happens.
 */
import type { Queryable, Transaction } from '@mogplex/kit/database/connect.ts'
import { recordEvent } from '@mogplex/kit/outbox/record.ts'
import { runStreaming } from '@mogplex/proto/runtime.ts'
import { and, eq, inArray, isNull, or, type SQL, sql } from 'drizzle-orm'
import type { PgUpdateSetSource } from 'drizzle-orm/pg-core'
import {
  type AgentRun,
  agentRuns,
  aiCalls,
  type Delivery,
  outbox,
  type RunStatus,
} from '../database/schema.ts'
import { appendEvents, type NewEvent, newEvent } from '../events/append.ts'
import { redactMessage } from '../events/redact.ts'
import type { FailureCode } from '../harnesses/harness.ts'
import { recordFinished } from './record-finished.ts'

/** How a run ended, and everything known about it by then. */
export interface RunOutcome {
  status: 'success' | 'failed' | 'cancelled'
  /** Short and human; null unless failed. */
  error: string | null
  failureCode: FailureCode | null
  delivery: Delivery | null
  /** Appended before the terminal event, in the same transaction. */
  eventsBefore?: NewEvent[]
  terminalEvent: NewEvent
  /** Token figures and cost of the call, as far as known. */
  callFigures?: PgUpdateSetSource<typeof aiCalls>
  secrets?: readonly string[]
}

/** The condition that the worker with this token still holds the run. */
export function heldBy(leaseToken: string): SQL {
  return eq(agentRuns.leaseToken, leaseToken)
}

/**
 * `pending` → `streaming`. False when the lease was lost or a cancel arrived first: then the harness must
 * not be started. `before` are events that come first, redacted with `secrets`.
 */
export async function markStreaming(
  tx: Transaction,
  run: AgentRun,
  leaseToken: string,
  { before = [], secrets = [] }: { before?: NewEvent[]; secrets?: readonly string[] } = {},
): Promise<boolean> {
  const now = new Date()
  const changed = await tx
    .update(agentRuns)
    .set({ status: 'streaming', streamingAt: now, updatedAt: now })
    .where(
      and(
        eq(agentRuns.id, run.id),
        eq(agentRuns.status, 'pending'),
        heldBy(leaseToken),
        isNull(agentRuns.controlState),
      ),
    )
    .returning({ id: agentRuns.id })
  if (changed.length === 0) return false
  const event = newEvent('status_changed', {
    message: 'The agent is running',
    payload: { from: 'pending', to: 'streaming', runtime_command_id: run.workItemId },
  })
  // None needs another's answer: they go to the server together.
  await Promise.all([
    tx
      .update(aiCalls)
      .set({ status: 'streaming', startedAt: now })
      .where(and(eq(aiCalls.id, run.aiCallId), eq(aiCalls.status, 'pending'))),
    appendEvents(tx, run.aiCallId, [...before, event], secrets),
    recordEvent(tx, outbox, {
      event: runStreaming,
      userId: run.userId,
      requestId: run.requestId,
      payload: { runId: run.id, repoId: run.repoId, harness: run.harness },
    }),
  ])
  return true
}

/** Whether the run is `streaming` and held under this token. */
export async function isStreaming(tx: Queryable, runId: string, leaseToken: string): Promise<boolean> {
  const rows = await tx
    .select({ id: agentRuns.id })
    .from(agentRuns)
    .where(and(eq(agentRuns.id, runId), eq(agentRuns.status, 'streaming'), heldBy(leaseToken)))
  return rows.length > 0
}

/**
 * Ends a run from one of the states in `from`, under `guard` (a lease token for a worker, an expired lease
 * for the reaper). False when the run was not in that state any more; then nothing was written.
 */
export async function finishRun(
  tx: Transaction,
  run: AgentRun,
  outcome: RunOutcome,
  from: RunStatus[],
  guard: SQL,
): Promise<boolean> {
  const now = new Date()
  // A harness may quote its environment in what it failed of; the event is redacted in appendEvents.
  const error = outcome.error === null ? null : redactMessage(outcome.error, outcome.secrets)
  const changed = await tx
    .update(agentRuns)
    .set({
      status: outcome.status,
      error,
      failureCode: outcome.failureCode,
      delivery: outcome.delivery,
      leaseToken: null,
      leaseExpiresAt: null,
      finishedAt: now,
      updatedAt: now,
    })
    .where(and(eq(agentRuns.id, run.id), inArray(agentRuns.status, from), guard))
    .returning({ id: agentRuns.id })
  if (changed.length === 0) return false
  const events = [...(outcome.eventsBefore ?? []), outcome.terminalEvent]
  await Promise.all([
    tx
      .update(aiCalls)
      .set({ ...outcome.callFigures, status: outcome.status, error, finishedAt: now })
      .where(and(eq(aiCalls.id, run.aiCallId), inArray(aiCalls.status, ['pending', 'streaming']))),
    appendEvents(tx, run.aiCallId, events, outcome.secrets),
    recordFinished(tx, run, outcome),
  ])
  return true
}

/** No worker holds the run now: it was never claimed, or its lease ran out. */
export function isUnheld(): SQL {
  return or(isNull(agentRuns.leaseToken), sql`${agentRuns.leaseExpiresAt} < now()`) ?? sql`true`
}

/** The outcome of a cancelled run; the event says who asked for what. */
export function cancelledOutcome(run: AgentRun, rest: Partial<RunOutcome> = {}): RunOutcome {
  return {
    status: 'cancelled',
    error: null,
    failureCode: null,
    delivery: null,
    terminalEvent: newEvent('cancelled', {
      message: 'Run cancelled',
      payload: { external_run_id: run.id, runtime_command_id: run.workItemId },
    }),
    ...rest,
  }
}

/** The outcome of a failed run. `message` becomes the run's `error`. */
export function failedOutcome(
  failure: { code: FailureCode; message: string; exitCode?: number | null },
  rest: Partial<RunOutcome> = {},
): RunOutcome {
  const exitCode = failure.exitCode === undefined ? {} : { exit_code: failure.exitCode }
  return {
    status: 'failed',
    error: failure.message,
    failureCode: failure.code,
    delivery: null,
    terminalEvent: newEvent('failed', {
      message: failure.message,
      payload: { error: failure.message, failure_code: failure.code, ...exitCode },
    }),
    ...rest,
  }
}
