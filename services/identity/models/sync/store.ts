/** The SQL of a sync. Whoever writes the catalogue holds its lock. */
import type { Transaction } from '@mogplex/kit/database/connect.ts'
import { and, count, eq, or, sql } from 'drizzle-orm'
import { aiModels } from '../../database/schema.ts'
import type { FeedModel } from './feed.ts'

/** Held until the transaction ends: syncs of several replicas, and seeding, take turns. */
export async function lockCatalogue(tx: Transaction): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(hashtext('identity:catalogue'))`)
}

const excluded = (column: string) => sql.raw(`excluded.${column}`)
const isHiddenBySync = sql`${aiModels.hiddenBy} = 'sync'`

/** A statement takes 65,535 values at most. */
const ROWS_PER_STATEMENT = 1_000

/** New models, and what the feed says of known ones. One that the operator hid stays hidden. */
export async function upsertModels(tx: Transaction, models: readonly FeedModel[], now: Date): Promise<void> {
  const rows = models.map(model => ({ ...model, isAvailable: true, createdAt: now, updatedAt: now }))
  for (let at = 0; at < rows.length; at += ROWS_PER_STATEMENT) {
    await upsertRows(tx, rows.slice(at, at + ROWS_PER_STATEMENT), now)
  }
}

async function upsertRows(tx: Transaction, rows: (typeof aiModels.$inferInsert)[], now: Date): Promise<void> {
  await tx
    .insert(aiModels)
    .values(rows)
    .onConflictDoUpdate({
      target: aiModels.id,
      set: {
        provider: excluded('provider'),
        name: excluded('name'),
        contextLength: excluded('context_length'),
        pricingInput: excluded('pricing_input'),
        pricingOutput: excluded('pricing_output'),
        capabilities: excluded('capabilities'),
        isAvailable: true,
        isHidden: sql`${aiModels.isHidden} and not coalesce(${isHiddenBySync}, false)`,
        hiddenBy: sql`nullif(${aiModels.hiddenBy}, 'sync')`,
        updatedAt: now,
      },
    })
}

/** What the feed no longer has is not offered any more. Who hid it, if somebody did, is remembered. */
export async function retireOthers(tx: Transaction, ids: readonly string[], now: Date): Promise<void> {
  const isStillOffered = or(
    eq(aiModels.isAvailable, true),
    eq(aiModels.isHidden, false),
    eq(aiModels.isRecommended, true),
  )
  await tx
    .update(aiModels)
    .set({
      isAvailable: false,
      isHidden: true,
      hiddenBy: sql`case when ${aiModels.isHidden} then coalesce(${aiModels.hiddenBy}, 'operator') else 'sync' end`,
      isRecommended: false,
      recommendationBucket: null,
      recommendationRank: null,
      recommendationReason: null,
      recommendedAt: null,
      updatedAt: now,
    })
    .where(and(sql`${aiModels.id} <> all(${sql.param([...ids])}::text[])`, isStillOffered))
}

export async function countRecommended(tx: Transaction): Promise<number> {
  const [row] = await tx.select({ found: count() }).from(aiModels).where(eq(aiModels.isRecommended, true))
  return row?.found ?? 0
}
