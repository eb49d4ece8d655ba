/** The SQL of users. Ids come from outside: a malformed one is nobody's. */
import type { Queryable, Transaction } from '@mogplex/kit/database/connect.ts'
import { isUuid } from '@mogplex/kit/validation.ts'
import { and, eq, isNull } from 'drizzle-orm'
import { type User, users } from '../database/schema.ts'

/** Null for unknown and malformed ids; finds disabled users too. */
export async function findUser(db: Queryable, userId: string): Promise<User | null> {
  if (!isUuid(userId)) return null
  const [user] = await db.select().from(users).where(eq(users.id, userId))
  return user ?? null
}

/** Like {@link findUser}, but a disabled user is as good as unknown. */
export async function findActiveUser(db: Queryable, userId: string): Promise<User | null> {
  if (!isUuid(userId)) return null
  const [user] = await db
    .select()
    .from(users)
    .where(and(eq(users.id, userId), isNull(users.disabledAt)))
  return user ?? null
}

/** Like {@link findActiveUser}; the row is held until the transaction ends, so that its changes queue up. */
export async function lockActiveUser(tx: Transaction, userId: string): Promise<User | null> {
  if (!isUuid(userId)) return null
  const [user] = await tx
    .select()
    .from(users)
    .where(and(eq(users.id, userId), isNull(users.disabledAt)))
    .for('update')
  return user ?? null
}

/** `email` must be in its stored form, see `normalizeEmail`. */
export async function findUserByEmail(db: Queryable, email: string): Promise<User | null> {
  const [user] = await db.select().from(users).where(eq(users.email, email))
  return user ?? null
}

export async function hasAnyUser(db: Queryable): Promise<boolean> {
  const [user] = await db.select({ id: users.id }).from(users).limit(1)
  return user !== undefined
}
