/** The SQL of the catalogue and of what users chose of it. */
import type { Queryable, Transaction } from '@mogplex/kit/database/connect.ts'
import { and, eq, getTableColumns, gt, inArray, isNull, sql } from 'drizzle-orm'
import { aiModels, type Model, type User, userModelPreferences, users } from '../database/schema.ts'
import type { ModelChooser } from './models.ts'
import type { Preference } from './preferences.ts'

export function listModels(db: Queryable): Promise<Model[]> {
  return db.select().from(aiModels)
}

/** Adds a user's explicit choices to what the user row says. */
export async function readChooser(db: Queryable, user: User): Promise<ModelChooser> {
  const rows = await db
    .select({ modelId: userModelPreferences.modelId, isEnabled: userModelPreferences.isEnabled })
    .from(userModelPreferences)
    .where(eq(userModelPreferences.userId, user.id))
  return { ...user, preferences: new Map(rows.map(row => [row.modelId, row.isEnabled])) }
}

export interface ModelPrice {
  input: number | null
  output: number | null
}

/** The price of the first of `candidates` that the catalogue has; nulls when it has none. */
export async function findPrice(db: Queryable, candidates: string[]): Promise<ModelPrice> {
  const rows = await db
    .select({ id: aiModels.id, input: aiModels.pricingInput, output: aiModels.pricingOutput })
    .from(aiModels)
    .where(inArray(aiModels.id, candidates))
  const byId = new Map(rows.map(row => [row.id, row]))
  const best = candidates.map(id => byId.get(id)).find(row => row !== undefined)
  return { input: best?.input ?? null, output: best?.output ?? null }
}

export async function hasModel(db: Queryable, id: string): Promise<boolean> {
  const rows = await db.select({ id: aiModels.id }).from(aiModels).where(eq(aiModels.id, id))
  return rows.length > 0
}

export async function upsertPreference(
  tx: Transaction,
  userId: string,
  { modelId, isEnabled }: Preference,
): Promise<void> {
  await tx
    .insert(userModelPreferences)
    .values({ userId, modelId, isEnabled })
    .onConflictDoUpdate({
      target: [userModelPreferences.userId, userModelPreferences.modelId],
      set: { isEnabled },
    })
}

/** Models newer than what the user has seen, about which the user has said nothing. */
export function listArrivals(
  db: Queryable,
  userId: string,
  { alsoHidden }: { alsoHidden: boolean },
): Promise<Model[]> {
  const isShown = and(eq(aiModels.isHidden, false), eq(aiModels.isAvailable, true))
  return db
    .select(getTableColumns(aiModels))
    .from(aiModels)
    .innerJoin(users, eq(users.id, userId))
    .leftJoin(
      userModelPreferences,
      and(eq(userModelPreferences.userId, users.id), eq(userModelPreferences.modelId, aiModels.id)),
    )
    .where(
      and(
        gt(aiModels.createdAt, users.modelsSeenAt),
        isNull(userModelPreferences.modelId),
        alsoHidden ? undefined : isShown,
      ),
    )
}

/** Writes explicit off rows where the user has said nothing yet. */
export async function pinOff(tx: Transaction, userId: string, modelIds: string[]): Promise<void> {
  if (modelIds.length === 0) return
  await tx
    .insert(userModelPreferences)
    .values(modelIds.map(modelId => ({ userId, modelId, isEnabled: false })))
    .onConflictDoNothing()
}

/** Moves what the user has seen to the newest of these models, with the database's precision, never back. */
export async function markSeen(tx: Transaction, userId: string, modelIds: string[]): Promise<void> {
  const newest = tx
    .select({ at: sql`max(${aiModels.createdAt})` })
    .from(aiModels)
    .where(inArray(aiModels.id, modelIds))
  await tx
    .update(users)
    .set({ modelsSeenAt: sql`greatest(${users.modelsSeenAt}, (${newest}))` })
    .where(eq(users.id, userId))
}

export async function setAutoEnable(
  tx: Transaction,
  userId: string,
  autoEnableNewModels: boolean,
): Promise<void> {
  await tx.update(users).set({ autoEnableNewModels }).where(eq(users.id, userId))
}
