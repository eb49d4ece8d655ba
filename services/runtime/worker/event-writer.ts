/**
 * Stores what a running harness says, in order, in as few transactions as the database is fast: while one
 * batch is being written the next one gathers. Every batch is fenced by the lease.
 */
import { brokenUniqueConstraint, type Database } from '@mogplex/kit/database/connect.ts'
import type { Log } from '@mogplex/kit/log.ts'
import { and, eq } from 'drizzle-orm'
import { agentRuns } from '../database/schema.ts'
import { appendEvents, type NewEvent } from '../events/append.ts'
import { heldBy } from '../runs/transitions.ts'
import type { Claim } from './claim.ts'
import type { Lease } from './lease.ts'
import { isOutage } from './run-failure.ts'

const MAX_BATCH = 500
const MAX_WAITING = 2_000
const RETRY_MS = 500

export interface EventWriter {
  /**
   * Resolves at once while there is room; otherwise once there is, which holds the harness back. Rejects once
   * something could not be stored although the database was there.
   */
  add: (events: readonly NewEvent[]) => Promise<void>
  /** Resolves when everything added so far is stored, or can no longer be because the lease is lost. */
  flush: () => Promise<void>
}

export interface EventWriterOptions {
  database: Database
  log: Log
  claim: Claim
  lease: Lease
  secrets: readonly string[]
  /** Called after each stored batch: wakes the streams. */
  onStored: () => void
}

export function createEventWriter(options: EventWriterOptions): EventWriter {
  const waiting: NewEvent[] = []
  let writing: Promise<void> | null = null
  let failure: { cause: unknown } | null = null

  const drain = async () => {
    try {
      while (waiting.length > 0) {
        await storeBatch(waiting.splice(0, MAX_BATCH), options)
        options.onStored()
      }
    } catch (cause) {
      failure = { cause }
    }
  }
  const assertWorking = () => {
    if (failure) throw new Error('events cannot be stored', failure)
  }
  const write = () => {
    if (writing || failure || waiting.length === 0) return
    writing = drain().finally(() => {
      writing = null
      // What was added between the last look and this moment found a writer that had already finished.
      write()
    })
  }

  return {
    add: async events => {
      assertWorking()
      waiting.push(...events)
      write()
      if (waiting.length > MAX_WAITING) await writing
    },
    flush: async () => {
      while (writing) await writing
      assertWorking()
    },
  }
}

/** Tries until it is stored or the lease is lost: a database that restarts costs no event. */
async function storeBatch(batch: NewEvent[], options: EventWriterOptions): Promise<void> {
  const { database, claim, lease, log, secrets } = options
  while (lease.stopReason() !== 'lease-lost') {
    try {
      await database.transaction(async tx => {
        const [row] = await tx
          .select({ id: agentRuns.id })
          .from(agentRuns)
          .where(and(eq(agentRuns.id, claim.run.id), heldBy(claim.leaseToken)))
          .for('share')
        if (!row) return lease.abort('lease-lost')
        await appendEvents(tx, claim.run.aiCallId, batch, secrets)
      })
      return
    } catch (err) {
      // The commit of an earlier try arrived although its answer did not.
      if (brokenUniqueConstraint(err) === 'ai_call_events_pkey') return
      if (!isOutage(err)) throw err
      log.warn({ event: 'events.not-stored-yet', runId: claim.run.id, count: batch.length, err })
      await Bun.sleep(RETRY_MS)
    }
  }
}
