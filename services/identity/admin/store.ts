/** The SQL of the operator's commands. */
import type { Queryable, Transaction } from '@mogplex/kit/database/connect.ts'
import { and, asc, eq, isNotNull, isNull } from 'drizzle-orm'
import { type User, users } from '../database/schema.ts'

/** Everybody, first come first. */
export function listUsers(db: Queryable): Promise<User[]> {
  return db.select().from(users).orderBy(asc(users.createdAt), asc(users.id))
}

/** Null enables again. False when the user was as wanted already. */
export async function setDisabled(
  tx: Transaction,
  userId: string,
  disabledAt: Date | null,
): Promise<boolean> {
  const isOther = disabledAt === null ? isNotNull(users.disabledAt) : isNull(users.disabledAt)
  const changed = await tx
    .update(users)
    .set({ disabledAt })
    .where(and(eq(users.id, userId), isOther))
    .returning({ id: users.id })
  return changed.length > 0
}

/** Null revokes. False when the user was as wanted already. */
export async function setHostAccess(
  tx: Transaction,
  userId: string,
  grantedAt: Date | null,
): Promise<boolean> {
  const { hostAccessGrantedAt } = users
  const isOther = grantedAt === null ? isNotNull(hostAccessGrantedAt) : isNull(hostAccessGrantedAt)
  const changed = await tx
    .update(users)
    .set({ hostAccessGrantedAt: grantedAt })
    .where(and(eq(users.id, userId), isOther))
    .returning({ id: users.id })
  return changed.length > 0
}

/** False when the address is not the user's any more. */
export async function markEmailProven(
  tx: Transaction,
  userId: string,
  email: string,
  now: Date,
): Promise<boolean> {
  const marked = await tx
    .update(users)
    .set({ provenEmail: email, emailProvenAt: now, emailProvenBy: 'operator' })
    .where(and(eq(users.id, userId), eq(users.email, email)))
    .returning({ id: users.id })
  return marked.length > 0
}

/** Whatever the password was. Browsers that were known are so no more. */
export async function overwritePassword(
  tx: Transaction,
  userId: string,
  passwordHash: string,
  now: Date,
): Promise<void> {
  await tx.update(users).set({ passwordHash, devicesKnownSince: now }).where(eq(users.id, userId))
}
