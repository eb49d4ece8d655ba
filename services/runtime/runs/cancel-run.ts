/**
 * Cancelling a run (v1 contract 7.8). The request is a mark in the row and one event; whoever holds the run
 * acts on it. A run nobody holds ends here and now. The call waits a little for the end, then says how far
 * it is.
 */
import type { Live } from '@mogplex/kit/bus/live.ts'
import type { Database, Transaction } from '@mogplex/kit/database/connect.ts'
import { ApiError } from '@mogplex/kit/errors.ts'
import { liveRunSubject } from '@mogplex/proto/runtime.ts'
import { and, eq, inArray, isNull } from 'drizzle-orm'
import { type AgentRun, type AiCall, agentRuns, type RunStatus } from '../database/schema.ts'
import { appendEvents, newEvent } from '../events/append.ts'
import { openWaker, type Waker } from '../events/waker.ts'
import { recordFinished } from './record-finished.ts'
import { isTerminal } from './status.ts'
import { type RunView, requireRun } from './store.ts'
import { cancelledOutcome, finishRun, isUnheld } from './transitions.ts'

export interface CancelRunDeps {
  database: Database
  live: Live
  pokeOutbox: () => void
}

export interface Cancellation {
  view: RunView
  alreadyTerminal: boolean
}

const WAIT_MS = 5_000
const POLL_MS = 250
const UNFINISHED: RunStatus[] = ['pending', 'streaming']

/** 404 for a run that is not the user's; 409 when its call is missing. `waitMs`: for the stop. */
export async function cancelRun(
  deps: CancelRunDeps,
  userId: string,
  runId: string,
  waitMs = WAIT_MS,
): Promise<Cancellation> {
  const { database, live } = deps
  const view = await requireRun(database, userId, runId)
  const { run, call } = view
  if (isTerminal(run.status)) return { view, alreadyTerminal: true }
  if (!call) throw new ApiError('CONFLICT', 'Run state is inconsistent')
  if (isTerminal(call.status)) {
    await database.transaction(tx => syncToCall(tx, run, call))
    deps.pokeOutbox()
    return { view: await requireRun(database, userId, runId), alreadyTerminal: true }
  }
  // Listening begins before the request is visible: its answer cannot come in between.
  const waker = openWaker(live, liveRunSubject(run.id))
  try {
    await database.transaction(tx => requestCancel(tx, run))
    deps.pokeOutbox()
    live.wake(liveRunSubject(run.id))
    return { view: await waitForEnd(database, view, waker, waitMs), alreadyTerminal: false }
  } finally {
    waker.close()
  }
}

/** Marks the request once, however often it is made, and ends a run that no worker holds. */
async function requestCancel(tx: Transaction, run: AgentRun): Promise<void> {
  const marked = await tx
    .update(agentRuns)
    .set({ controlState: 'cancel_requested', updatedAt: new Date() })
    .where(
      and(eq(agentRuns.id, run.id), inArray(agentRuns.status, UNFINISHED), isNull(agentRuns.controlState)),
    )
    .returning({ id: agentRuns.id })
  if (marked.length > 0) {
    await appendEvents(tx, run.aiCallId, [
      newEvent('cancel_requested', {
        message: 'Cancellation requested',
        payload: { external_run_id: run.id, runtime_command_id: run.workItemId },
      }),
    ])
  }
  await finishRun(tx, run, cancelledOutcome(run), ['pending'], isUnheld())
}

/** Run and call always end alike; should the run be behind, it takes the call's end over. */
async function syncToCall(tx: Transaction, run: AgentRun, call: AiCall): Promise<void> {
  const now = new Date()
  const synced = await tx
    .update(agentRuns)
    .set({
      status: call.status,
      error: call.status === 'failed' ? call.error : null,
      leaseToken: null,
      leaseExpiresAt: null,
      finishedAt: call.finishedAt ?? now,
      updatedAt: now,
    })
    .where(and(eq(agentRuns.id, run.id), inArray(agentRuns.status, UNFINISHED)))
    .returning({ failureCode: agentRuns.failureCode })
  const [row] = synced
  if (!row) return
  await recordFinished(tx, run, { status: call.status, failureCode: row.failureCode })
}

async function waitForEnd(
  database: Database,
  { run }: RunView,
  waker: Waker,
  waitMs: number,
): Promise<RunView> {
  const deadlineMs = performance.now() + waitMs
  for (;;) {
    const view = await requireRun(database, run.userId, run.id)
    const leftMs = deadlineMs - performance.now()
    if (isTerminal(view.run.status) || leftMs <= 0) return view
    await waker.wait(Math.min(POLL_MS, leftMs))
  }
}
