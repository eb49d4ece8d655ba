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

/** Whatever the password was. */
export async function overwritePassword(
  tx: Transaction,
  userId: string,
  passwordHash: string,
): Promise<void> {
  await tx.update(users).set({ passwordHash }).where(eq(users.id, userId))
}
