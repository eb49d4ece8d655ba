/** Reading sandbox records for their owner (v1 contract 7.5). */
import type { Queryable, Transaction } from '@mogplex/kit/database/connect.ts'
import { isUuid } from '@mogplex/kit/validation.ts'
import { and, desc, eq, inArray } from 'drizzle-orm'
import { SANDBOX_STATUSES, type Sandbox, sandboxes, sandboxLifecycleEvents } from '../database/schema.ts'

/** As many as anybody is shown; older ones are not kept. */
export const MAX_LIFECYCLE_EVENTS = 200

export interface SandboxFilter {
  /** Null: every repo. A text that is no id matches nothing. */
  repoId: string | null
  /** Null: every status. An unknown one matches nothing. */
  status: string | null
  limit: number
}

/** The most recently active first. */
export async function listSandboxes(
  database: Queryable,
  userId: string,
  { repoId, status, limit }: SandboxFilter,
): Promise<Sandbox[]> {
  if (repoId !== null && !isUuid(repoId)) return []
  const known = SANDBOX_STATUSES.find(name => name === status)
  if (status !== null && !known) return []
  return database
    .select()
    .from(sandboxes)
    .where(
      and(
        eq(sandboxes.userId, userId),
        repoId === null ? undefined : eq(sandboxes.repoId, repoId),
        known ? eq(sandboxes.status, known) : undefined,
      ),
    )
    .orderBy(desc(sandboxes.lastActiveAt), sandboxes.id)
    .limit(limit)
}

/** By record id only; null when unknown, foreign or malformed. */
export async function findSandbox(database: Queryable, userId: string, id: string): Promise<Sandbox | null> {
  if (!isUuid(id)) return null
  const [row] = await database
    .select()
    .from(sandboxes)
    .where(and(eq(sandboxes.id, id), eq(sandboxes.userId, userId)))
  return row ?? null
}

const NEWEST_FIRST = [desc(sandboxLifecycleEvents.createdAt), desc(sandboxLifecycleEvents.id)]

/** The newest {@link MAX_LIFECYCLE_EVENTS} events, oldest first. */
export async function readLifecycleEvents(database: Queryable, sandboxRecordId: string) {
  const rows = await database
    .select()
    .from(sandboxLifecycleEvents)
    .where(eq(sandboxLifecycleEvents.sandboxRecordId, sandboxRecordId))
    .orderBy(...NEWEST_FIRST)
    .limit(MAX_LIFECYCLE_EVENTS)
  return rows.reverse()
}

/** Forgets the events that {@link readLifecycleEvents} no longer gives. The caller holds the sandbox's row. */
export async function forgetOldLifecycleEvents(tx: Transaction, sandboxRecordId: string): Promise<void> {
  const old = tx
    .select({ id: sandboxLifecycleEvents.id })
    .from(sandboxLifecycleEvents)
    .where(eq(sandboxLifecycleEvents.sandboxRecordId, sandboxRecordId))
    .orderBy(...NEWEST_FIRST)
    .offset(MAX_LIFECYCLE_EVENTS)
  await tx.delete(sandboxLifecycleEvents).where(inArray(sandboxLifecycleEvents.id, old))
}
