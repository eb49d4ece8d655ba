/** The SQL of provider keys; what it holds is sealed. */
import type { Queryable, Transaction } from '@mogplex/kit/database/connect.ts'
import type { SealedSecret } from '@mogplex/kit/secrets.ts'
import { and, eq } from 'drizzle-orm'
import { providerKeys } from '../database/schema.ts'
import type { Provider } from '../models/models.ts'

export function listProviderKeys(db: Queryable, userId: string) {
  return db
    .select({
      provider: providerKeys.provider,
      createdAt: providerKeys.createdAt,
      updatedAt: providerKeys.updatedAt,
    })
    .from(providerKeys)
    .where(eq(providerKeys.userId, userId))
    .orderBy(providerKeys.provider)
}

export async function findSealedKey(
  db: Queryable,
  userId: string,
  provider: Provider,
): Promise<SealedSecret | null> {
  const [row] = await db
    .select({
      ciphertext: providerKeys.ciphertext,
      nonce: providerKeys.nonce,
      keyVersion: providerKeys.keyVersion,
    })
    .from(providerKeys)
    .where(and(eq(providerKeys.userId, userId), eq(providerKeys.provider, provider)))
  return row ?? null
}

/** Replaces an earlier key and keeps when the first was stored. */
export async function upsertKey(
  tx: Transaction,
  userId: string,
  provider: Provider,
  sealed: SealedSecret,
  now: Date,
): Promise<void> {
  await tx
    .insert(providerKeys)
    .values({ userId, provider, ...sealed, createdAt: now, updatedAt: now })
    .onConflictDoUpdate({
      target: [providerKeys.userId, providerKeys.provider],
      set: { ...sealed, updatedAt: now },
    })
}

/** False when none was stored. */
export async function removeKey(tx: Transaction, userId: string, provider: Provider): Promise<boolean> {
  const removed = await tx
    .delete(providerKeys)
    .where(and(eq(providerKeys.userId, userId), eq(providerKeys.provider, provider)))
    .returning({ provider: providerKeys.provider })
  return removed.length > 0
}
