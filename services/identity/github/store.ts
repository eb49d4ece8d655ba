/** The SQL of users as GitHub knows them. */
import type { Queryable, Transaction } from '@mogplex/kit/database/connect.ts'
import { and, eq, inArray, isNull, sql } from 'drizzle-orm'
import { type User, users } from '../database/schema.ts'
import type { GithubProfile } from './oauth-client.ts'

/** Held until the transaction ends: of several trips of one account, one after the other looks for its user. */
export async function lockGithubAccount(tx: Transaction, githubUserId: number): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(hashtext(${`identity:github:${githubUserId}`}))`)
}

/** By the numeric id alone (identity spec 3). Finds disabled users too. */
export async function findUserByGithubId(db: Queryable, githubUserId: number): Promise<User | null> {
  const [user] = await db.select().from(users).where(eq(users.githubUserId, githubUserId))
  return user ?? null
}

/** GitHub has verified some of these for the user's account; the user's own address is proven if it is one of them. */
export async function proveEmail(
  tx: Transaction,
  userId: string,
  verified: readonly string[],
  now: Date,
): Promise<void> {
  if (verified.length === 0) return
  await tx
    .update(users)
    .set({ provenEmail: sql`${users.email}`, emailProvenAt: now, emailProvenBy: 'github' })
    .where(
      and(
        eq(users.id, userId),
        inArray(users.email, [...verified]),
        // What the operator said stays said.
        sql`${users.provenEmail} is distinct from ${users.email}`,
      ),
    )
}

/**
 * What GitHub says of the user now. `username` and picture are the user's own once set. Null when the user
 * is disabled; throws on a GitHub account of somebody else: unique constraint `users_github_user_id_unique`.
 */
export async function linkProfile(
  tx: Transaction,
  user: Pick<User, 'id' | 'username' | 'avatarUrl' | 'githubAuthMode'>,
  { id, login, avatarUrl }: GithubProfile,
  now: Date,
): Promise<User | null> {
  const [linked] = await tx
    .update(users)
    .set({
      githubUserId: id,
      githubUsername: login,
      // An App installation says more than a token.
      githubAuthMode: user.githubAuthMode ?? 'oauth',
      username: user.username ?? login,
      avatarUrl: user.avatarUrl ?? avatarUrl,
      // A new token may see installations that the old one did not.
      githubReconcileAfter: null,
      lastAuthAt: now,
    })
    .where(and(eq(users.id, user.id), isNull(users.disabledAt)))
    .returning()
  return linked ?? null
}
