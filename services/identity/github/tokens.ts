/** A user's GitHub token, sealed like every secret at rest (identity spec 1). */
import type { Queryable, Transaction } from '@mogplex/kit/database/connect.ts'
import type { SecretBox } from '@mogplex/kit/secrets.ts'
import { and, eq } from 'drizzle-orm'
import { oauthTokens } from '../database/schema.ts'
import type { GithubToken } from './oauth-client.ts'

const placeOf = (userId: string) => `${userId}|oauth_tokens|github`
const isOf = (userId: string) => and(eq(oauthTokens.userId, userId), eq(oauthTokens.provider, 'github'))

/** Replaces an earlier one. 503 when no encryption key is configured. */
export async function storeToken(
  tx: Transaction,
  secrets: SecretBox,
  userId: string,
  { accessToken, scopes: grantedScopes }: GithubToken,
  now: Date,
): Promise<void> {
  const sealed = secrets.seal(accessToken, placeOf(userId))
  await tx
    .insert(oauthTokens)
    .values({ userId, provider: 'github', ...sealed, grantedScopes, createdAt: now, updatedAt: now })
    .onConflictDoUpdate({
      target: [oauthTokens.userId, oauthTokens.provider],
      set: { ...sealed, grantedScopes, updatedAt: now },
    })
}

export async function hasToken(db: Queryable, userId: string): Promise<boolean> {
  const rows = await db.select({ userId: oauthTokens.userId }).from(oauthTokens).where(isOf(userId))
  return rows.length > 0
}

/** Null when none is stored. Throws when it cannot be opened: an outage must not look like "not connected". */
export async function readToken(db: Queryable, secrets: SecretBox, userId: string): Promise<string | null> {
  const [sealed] = await db.select().from(oauthTokens).where(isOf(userId))
  return sealed ? secrets.open(sealed, placeOf(userId)) : null
}
