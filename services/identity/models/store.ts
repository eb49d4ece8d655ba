/** The SQL of the catalogue and of what users chose of it. */
import type { Queryable } from '@mogplex/kit/database/connect.ts'
import { eq, inArray } from 'drizzle-orm'
import { aiModels, type Model, type User, userModelPreferences } from '../database/schema.ts'
import type { ModelChooser } from './models.ts'

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
