/** One attempt to store a batch of events, fenced by the lease, and what its failure means. */
import { brokenUniqueConstraint, type Database, isStatementTimeout } from '@mogplex/kit/database/connect.ts'
import { and, eq } from 'drizzle-orm'
import { agentRuns } from '../database/schema.ts'
import { appendStorableEvents, type StorableEvent } from '../events/append.ts'
import { heldBy } from '../runs/transitions.ts'
import type { Claim } from './claim.ts'
import { isOutage } from './run-failure.ts'

export type BatchResult =
  | { kind: 'stored' }
  | { kind: 'lease-lost' }
  /** `away`: the database could not do it now. `slow`: it was too much for one statement, or a lock was in its way. */
  | { kind: 'away' | 'slow' | 'refused'; err: unknown }

class LeaseLost extends Error {
  override name = 'LeaseLost'
}

/** Never rejects. */
export async function storeBatch(
  batch: readonly StorableEvent[],
  { database, claim }: { database: Database; claim: Claim },
): Promise<BatchResult> {
  const { run, leaseToken } = claim
  try {
    await database.transaction(async tx => {
      // The run's row is not locked: a batch that waits must not keep the lease from being renewed, or a cancel
      // from being requested. Whatever ends the run locks the row of its call, as this does.
      const isHeld = async () => {
        const rows = await tx
          .select({ id: agentRuns.id })
          .from(agentRuns)
          .where(and(eq(agentRuns.id, run.id), heldBy(leaseToken)))
        return rows.length > 0
      }
      if (!(await appendStorableEvents(tx, run.aiCallId, batch, isHeld))) throw new LeaseLost()
    })
    return { kind: 'stored' }
  } catch (err) {
    if (err instanceof LeaseLost) return { kind: 'lease-lost' }
    // The commit of an earlier try arrived although its answer did not.
    if (brokenUniqueConstraint(err) === 'ai_call_events_pkey') return { kind: 'stored' }
    if (isStatementTimeout(err)) return { kind: 'slow', err }
    return { kind: isOutage(err) ? 'away' : 'refused', err }
  }
}
