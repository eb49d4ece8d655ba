/**
 * State changes of sandbox records (runtime spec 6.1): compare-and-set on the expected states, a lifecycle
 * event beside each. Whoever loses changes nothing.
 */
import type { Queryable, Transaction } from '@mogplex/kit/database/connect.ts'
import { newId } from '@mogplex/kit/ids.ts'
import { and, eq, inArray, notInArray, sql } from 'drizzle-orm'
import {
  ACTIVE_SANDBOX_STATUSES,
  type AgentRun,
  type Sandbox,
  type SandboxStatus,
  sandboxes,
  sandboxLifecycleEvents,
} from '../database/schema.ts'
import { forgetOldLifecycleEvents } from './store.ts'

/** States a record never leaves towards being used again under its key. */
const DEAD_STATUSES: SandboxStatus[] = ['stopped', 'error']

export interface SandboxChange {
  to: SandboxStatus
  from: SandboxStatus[]
  /** Set when the provider has allocated it. */
  sandboxId?: string
  stopReason?: string | null
  error?: string | null
  installLog?: string
  /** Recorded with the event: which run caused it. */
  workerRunId?: string
}

/**
 * Applies the change, its event with it or not at all; null when the record was in none of the expected states.
 */
export function changeSandbox(
  database: Queryable,
  recordId: string,
  change: SandboxChange,
): Promise<Sandbox | null> {
  return database.transaction(tx => changeSandboxWithin(tx, recordId, change))
}

/** The same as part of a transaction, whose failure undoes it. */
export async function changeSandboxWithin(
  tx: Transaction,
  recordId: string,
  change: SandboxChange,
): Promise<Sandbox | null> {
  const { to, from, workerRunId, ...columns } = change
  const [before] = await tx
    .select({ status: sandboxes.status })
    .from(sandboxes)
    .where(and(eq(sandboxes.id, recordId), inArray(sandboxes.status, from)))
    .for('update')
  if (!before) return null
  const isActive = ACTIVE_SANDBOX_STATUSES.includes(to)
  const [after] = await tx
    .update(sandboxes)
    .set({
      ...columns,
      status: to,
      lastActiveAt: new Date(),
      ...(isActive ? { stopReason: null, error: null } : {}),
    })
    .where(eq(sandboxes.id, recordId))
    .returning()
  if (before.status !== to) {
    await tx.insert(sandboxLifecycleEvents).values({
      id: newId(),
      sandboxRecordId: recordId,
      eventType: 'status_changed',
      workerRunId: workerRunId ?? null,
      payload: { from: before.status, to, stop_reason: change.stopReason ?? null },
    })
    await forgetOldLifecycleEvents(tx, recordId)
  }
  return after ?? null
}

/** How many sandboxes of the user hold a slot, not counting the one with this key. */
async function slotsTaken(tx: Transaction, run: AgentRun, own: string | undefined): Promise<number> {
  const active = await tx
    .select({ id: sandboxes.id })
    .from(sandboxes)
    .where(and(eq(sandboxes.userId, run.userId), inArray(sandboxes.status, ACTIVE_SANDBOX_STATUSES)))
  return active.filter(row => row.id !== own).length
}

/**
 * The sandbox record a run works in: the one with its key, woken if it is paused, or a fresh one. Null when
 * the user has no free slot (spec README, 29) or the sandbox is just being paused. Must run in the transaction that claims the run.
 */
export async function acquireSandbox(
  tx: Transaction,
  run: AgentRun,
  options: { provider: string; maxActivePerUser: number },
): Promise<Sandbox | null> {
  await tx.execute(sql`select pg_advisory_xact_lock(hashtext('sandbox-slots'), hashtext(${run.userId}))`)
  const [known] = await tx
    .select()
    .from(sandboxes)
    .where(
      and(
        eq(sandboxes.userId, run.userId),
        eq(sandboxes.repoId, run.repoId),
        eq(sandboxes.workingBranch, run.workingBranch),
        sql`coalesce(${sandboxes.rootDirectory}, '') = ${run.rootDirectory ?? ''}`,
        notInArray(sandboxes.status, DEAD_STATUSES),
      ),
    )
  // One that is being paused is about to end every process in it, ours too.
  if (known?.status === 'pausing') return null
  if (known && ACTIVE_SANDBOX_STATUSES.includes(known.status)) {
    // Takes the row: from here the reaper no longer sees it as forgotten.
    return changeSandboxWithin(tx, known.id, { from: [known.status], to: known.status, workerRunId: run.id })
  }
  if ((await slotsTaken(tx, run, known?.id)) >= options.maxActivePerUser) return null
  if (known) {
    return changeSandboxWithin(tx, known.id, { from: ['paused'], to: 'installing', workerRunId: run.id })
  }
  return insertSandbox(tx, run, options.provider)
}

async function insertSandbox(tx: Transaction, run: AgentRun, provider: string): Promise<Sandbox | null> {
  const id = newId()
  const [created] = await tx
    .insert(sandboxes)
    .values({
      id,
      userId: run.userId,
      repoId: run.repoId,
      provider,
      status: 'creating',
      baseBranch: run.baseBranch,
      workingBranch: run.workingBranch,
      rootDirectory: run.rootDirectory,
    })
    .returning()
  await tx.insert(sandboxLifecycleEvents).values({
    id: newId(),
    sandboxRecordId: id,
    eventType: 'status_changed',
    workerRunId: run.id,
    payload: { from: null, to: 'creating', stop_reason: null },
  })
  return created ?? null
}
