/** The SQL of accounts, and of those with a password. */
import type { Queryable, Transaction } from '@mogplex/kit/database/connect.ts'
import { newId } from '@mogplex/kit/ids.ts'
import { and, eq, isNull, sql } from 'drizzle-orm'
import { type User, users } from '../database/schema.ts'
import type { PlatformAccess } from '../users/platform-access.ts'

export interface NewUser
  extends Partial<
    Pick<User, 'username' | 'avatarUrl' | 'githubUsername' | 'githubUserId' | 'githubAuthMode'>
  > {
  /** In its stored form. */
  email: string | null
  name: string | null
  /** Null: the user signs in in another way. */
  passwordHash: string | null
  access: PlatformAccess
  /** May use this machine's repositories and the hosts of its network. */
  hostAccess: boolean
  now: Date
}

/** Throws on a taken e-mail: unique constraint `users_email_unique`. */
export async function insertUser(tx: Transaction, user: NewUser): Promise<User> {
  const { access, hostAccess, now, ...given } = user
  const [row] = await tx
    .insert(users)
    .values({
      id: newId(),
      ...given,
      allowPlatformAi: access.ai,
      allowPlatformSandbox: access.sandbox,
      hostAccessGrantedAt: hostAccess ? now : null,
      devicesKnownSince: now,
      modelsSeenAt: now,
      lastAuthAt: now,
      createdAt: now,
    })
    .returning()
  if (!row) throw new Error('insert returned no row')
  return row
}

/** Held until the transaction ends: of several first sign-ups at once, one after the other looks for users. */
export async function lockSignUp(tx: Transaction): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(hashtext('identity:first-user'))`)
}

/** False when the user was disabled or the password changed since `passwordHash` was verified. */
export async function markSignedIn(
  tx: Transaction,
  userId: string,
  passwordHash: string,
  now: Date,
): Promise<boolean> {
  const marked = await tx
    .update(users)
    .set({ lastAuthAt: now })
    .where(and(eq(users.id, userId), eq(users.passwordHash, passwordHash), isNull(users.disabledAt)))
    .returning({ id: users.id })
  return marked.length > 0
}

/** Browsers that were known are so no more. False when the password is no longer the one that was checked. */
export async function replacePassword(
  db: Queryable,
  userId: string,
  change: { oldHash: string | null; newHash: string; now: Date },
): Promise<boolean> {
  const { oldHash, newHash, now } = change
  const replaced = await db
    .update(users)
    .set({ passwordHash: newHash, devicesKnownSince: now })
    .where(
      and(
        eq(users.id, userId),
        oldHash === null ? isNull(users.passwordHash) : eq(users.passwordHash, oldHash),
        isNull(users.disabledAt),
      ),
    )
    .returning({ id: users.id })
  return replaced.length > 0
}
