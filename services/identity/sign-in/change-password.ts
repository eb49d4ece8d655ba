/** Changing one's password: every other session ends, this one gets a new token (identity spec 2). */
import { ApiError } from '@mogplex/kit/errors.ts'
import { recordAudit } from '../audit/entry.ts'
import type { Session, User } from '../database/schema.ts'
import type { IdentityKit } from '../environment.ts'
import { cookieSite, sessionCookie } from '../sessions/cookie.ts'
import { after, OVERLAP_MS } from '../sessions/lifetime.ts'
import type { SessionOrigin } from '../sessions/origin.ts'
import { findLiveSession, revokeOtherSessions, rotateToken } from '../sessions/store.ts'
import { newSessionToken } from '../sessions/token.ts'
import { findActiveUser } from '../users/store.ts'
import { hashPassword, verifyPassword } from './password-hash.ts'
import { replacePassword } from './store.ts'

/** A session this young proves who somebody is well enough to set a first password. */
const FRESH_SESSION_MS = 10 * 60_000

export interface PasswordChange {
  userId: string
  /** Null for a caller without a session of its own. */
  sessionId: string | null
  origin: SessionOrigin
  currentPassword: string | undefined
  newPassword: string
}

/**
 * Resolves with the cookie of the rotated session, null for a caller without one. 403 when the current
 * password is wrong. The old token stays good for the overlap and no longer, for requests under way.
 */
export async function changePassword(
  { database, config, dropAtGateways }: Pick<IdentityKit, 'database' | 'config' | 'dropAtGateways'>,
  change: PasswordChange,
  now: Date,
): Promise<string | null> {
  const { userId, sessionId, origin } = change
  const user = await findActiveUser(database, userId)
  if (!user) throw new ApiError('UNAUTHORIZED', 'Unauthorized')
  const session = sessionId === null ? null : await findLiveSession(database, userId, sessionId, now)
  if (!(await mayChange(user, session, change.currentPassword, now))) throw wrongPassword()
  const newHash = await hashPassword(change.newPassword)
  const { token, tokenHash } = newSessionToken()
  const rotated = await database.transaction(async tx => {
    if (!(await replacePassword(tx, userId, { oldHash: user.passwordHash, newHash }))) throw wrongPassword()
    await revokeOtherSessions(tx, userId, session?.id ?? null, now)
    await recordAudit(tx, { type: 'user.password-changed', by: { userId, origin }, now })
    return (
      session &&
      (await rotateToken(tx, {
        id: session.id,
        oldHash: session.tokenHash,
        newHash: tokenHash,
        overlapEndsAt: after(now, OVERLAP_MS),
        now,
      }))
    )
  })
  // Of the user: every session that ended, and this one, whose old token's time begins to run.
  await dropAtGateways([userId])
  if (!rotated) return null
  return sessionCookie(cookieSite(config.PUBLIC_BASE_URL), token, rotated.expiresAt, now)
}

async function mayChange(
  user: User,
  session: Session | null,
  currentPassword: string | undefined,
  now: Date,
): Promise<boolean> {
  if (user.passwordHash === null) {
    return session !== null && session.createdAt >= after(now, -FRESH_SESSION_MS)
  }
  return currentPassword !== undefined && (await verifyPassword(currentPassword, user.passwordHash))
}

function wrongPassword(): ApiError {
  return new ApiError('FORBIDDEN', 'currentPassword: is wrong')
}
