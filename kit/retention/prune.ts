/**
 * Removes what no rule keeps, every hour, in batches of one short statement each. Replicas do so side by side:
 * a batch passes over rows that anybody holds. What fails is tried again an hour later; nothing waits for it.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { getTableName, sql } from 'drizzle-orm'
import type { Queryable } from '../database/connect.ts'
import type { Log } from '../log.ts'
import type { RetentionRule } from './rule.ts'

const BATCH = 1_000
/** Between batches, so that years of rows at once leave the database time for others. */
const PAUSE_MS = 50
const EVERY_MS = 3_600_000
/** The first pass is soon, for processes that do not live for an hour. */
const FIRST_WITHIN_MS = 10_000

export interface RetentionOptions {
  database: Queryable
  log: Log
  rules: RetentionRule[]
  /** About how often, give or take a quarter. Default: an hour. */
  everyMs?: number
}

/** `stop` resolves when no statement is under way any more. */
export function startRetention(options: RetentionOptions): { stop: () => Promise<void> } {
  const { everyMs = EVERY_MS } = options
  const stopping = new AbortController()
  const { signal } = stopping
  const loop = async () => {
    await pause(Math.random() * Math.min(everyMs, FIRST_WITHIN_MS), signal)
    while (!signal.aborted) {
      await prune(options, signal)
      // Replicas that were started together do not stay together.
      await pause(everyMs * (0.75 + Math.random() / 2), signal)
    }
  }
  const finished = loop()
  return {
    stop: async () => {
      stopping.abort()
      await finished
    },
  }
}

/** One pass over all rules; never rejects. A rule that fails keeps no other from its work. */
export async function prune({ database, log, rules }: RetentionOptions, signal?: AbortSignal): Promise<void> {
  for (const rule of rules) {
    const table = getTableName(rule.table)
    let removed = 0
    try {
      for (let isMore = true; isMore && !signal?.aborted; ) {
        const { count } = await removeBatch(database, rule, BATCH)
        removed += count
        isMore = count === BATCH
        if (isMore) await pause(PAUSE_MS, signal)
      }
    } catch (err) {
      log.warn({ event: 'retention.failed', table, err })
    }
    if (removed > 0) log.info({ event: 'retention.removed', table, rows: removed })
  }
}

/** The statement that removes the oldest `limit` rows that are due and that nobody holds. */
export function removeBatch(
  database: Queryable,
  { table, isDue, oldestFirst }: RetentionRule,
  limit: number,
) {
  const due = database
    .select({ ctid: sql`ctid` })
    .from(table)
    .where(isDue())
    .orderBy(...oldestFirst)
    .limit(limit)
    .for('update', { skipLocked: true })
  // By place, which serves every kind of key; it cannot change in between, for the rows are held. An array,
  // because it is made once: `in (select …)` may be carried out anew for each row, and then knows no limit.
  return database.delete(table).where(sql`ctid = any(array${due})`)
}

async function pause(durationMs: number, signal: AbortSignal | undefined): Promise<void> {
  await sleep(durationMs, undefined, { signal }).catch(() => undefined)
}
