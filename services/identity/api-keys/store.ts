/** The SQL of personal access tokens. */
import type { Queryable, Transaction } from '@mogplex/kit/database/connect.ts'
import { isUuid } from '@mogplex/kit/validation.ts'
import { and, count, desc, eq, getTableColumns, gt, isNull, lte, or } from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'
import { type ApiKey, userApiKeys, users } from '../database/schema.ts'

export interface ListedKey extends ApiKey {
  /** The token that replaces it. */
  rotatedTo: string | null
}

/** Not revoked, expired ones included, newest first. */
export function listKeys(db: Queryable, userId: string): Promise<ListedKey[]> {
  const successors = alias(userApiKeys, 'successors')
  return db
    .select({ ...getTableColumns(userApiKeys), rotatedTo: successors.id })
    .from(userApiKeys)
    .leftJoin(successors, eq(successors.rotatedFrom, userApiKeys.id))
    .where(and(eq(userApiKeys.userId, userId), isNull(userApiKeys.revokedAt)))
    .orderBy(desc(userApiKeys.createdAt), desc(userApiKeys.id))
}

export async function countLiveKeys(tx: Transaction, userId: string, now: Date): Promise<number> {
  const [row] = await tx
    .select({ live: count() })
    .from(userApiKeys)
    .where(and(eq(userApiKeys.userId, userId), isLiveInSql(now)))
  return row?.live ?? 0
}

function isLiveInSql(now: Date) {
  return and(isNull(userApiKeys.revokedAt), or(isNull(userApiKeys.expiresAt), gt(userApiKeys.expiresAt, now)))
}

export async function insertKey(tx: Transaction, key: typeof userApiKeys.$inferInsert): Promise<void> {
  await tx.insert(userApiKeys).values(key)
}

/** Null when the user has no such token that is not revoked yet. */
export async function revokeKey(
  tx: Transaction,
  userId: string,
  id: string,
  now: Date,
): Promise<ApiKey | null> {
  if (!isUuid(id)) return null
  const [key] = await tx
    .update(userApiKeys)
    .set({ revokedAt: now })
    .where(and(eq(userApiKeys.id, id), eq(userApiKeys.userId, userId), isNull(userApiKeys.revokedAt)))
    .returning()
  return key ?? null
}

/** The user's live token, else null. */
export async function findOwnLiveKey(
  db: Queryable,
  userId: string,
  id: string,
  now: Date,
): Promise<ApiKey | null> {
  if (!isUuid(id)) return null
  const [key] = await db
    .select()
    .from(userApiKeys)
    .where(isOwnAndLiveInSql(userId, id, now))
  return key ?? null
}

/** Like {@link findOwnLiveKey}; held until the transaction ends, so that nobody revokes it meanwhile. */
export async function lockOwnLiveKey(
  tx: Transaction,
  userId: string,
  id: string,
  now: Date,
): Promise<ApiKey | null> {
  const [key] = await tx
    .select()
    .from(userApiKeys)
    .where(isOwnAndLiveInSql(userId, id, now))
    .for('update')
  return key ?? null
}

function isOwnAndLiveInSql(userId: string, id: string, now: Date) {
  return and(eq(userApiKeys.id, id), eq(userApiKeys.userId, userId), isLiveInSql(now))
}

export async function hasSuccessor(tx: Transaction, id: string): Promise<boolean> {
  const [successor] = await tx
    .select({ id: userApiKeys.id })
    .from(userApiKeys)
    .where(eq(userApiKeys.rotatedFrom, id))
  return successor !== undefined
}

export async function endKeyAt(tx: Transaction, id: string, expiresAt: Date): Promise<void> {
  await tx.update(userApiKeys).set({ expiresAt }).where(eq(userApiKeys.id, id))
}

/** The live token with this hash, unless its owner is disabled. */
export async function findLiveKey(db: Queryable, tokenHash: string, now: Date) {
  const [key] = await db
    .select({
      id: userApiKeys.id,
      userId: userApiKeys.userId,
      scopes: userApiKeys.scopes,
      expiresAt: userApiKeys.expiresAt,
      lastUsedAt: userApiKeys.lastUsedAt,
    })
    .from(userApiKeys)
    .innerJoin(users, eq(users.id, userApiKeys.userId))
    .where(and(eq(userApiKeys.tokenHash, tokenHash), isLiveInSql(now), isNull(users.disabledAt)))
  return key ?? null
}

/** Writes a use down unless one at or after `notSince` is written already. */
export async function markUsed(db: Queryable, id: string, now: Date, notSince: Date): Promise<void> {
  await db
    .update(userApiKeys)
    .set({ lastUsedAt: now })
    .where(
      and(eq(userApiKeys.id, id), or(isNull(userApiKeys.lastUsedAt), lte(userApiKeys.lastUsedAt, notSince))),
    )
}
