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
import type { Turn } from './password-queue.ts'
import { replacePassword } from './store.ts'

/** A session this young proves who somebody is well enough to set a first password. */
const FRESH_SESSION_MS = 10 * 60_000

type ChangeKit = Pick<IdentityKit, 'database' | 'config' | 'devices' | 'dropAtGateways'>

export interface PasswordChange {
  userId: string
  /** Null for a caller without a session of its own. */
  sessionId: string | null
  origin: SessionOrigin
  currentPassword: string | undefined
  newPassword: string
}

/**
 * Resolves with the cookies of the rotated session, if there is one, and of the browser, which alone is still known.
 * 403 when the current password is wrong, which the audit trail tells. The old token stays good for the overlap and no longer, for requests under way.
 */
export async function changePassword(
  { database, config, devices, dropAtGateways }: ChangeKit,
  change: PasswordChange,
  now: Date,
): Promise<string[]> {
  const { userId, sessionId, origin } = change
  const user = await findActiveUser(database, userId)
  if (!user) throw new ApiError('UNAUTHORIZED', 'Unauthorized')
  const session = sessionId === null ? null : await findLiveSession(database, userId, sessionId, now)
  const turn: Turn = { lane: 'known', address: origin.ip }
  if (!(await mayChange(user, session, change.currentPassword, { turn, now }))) {
    if (change.currentPassword !== undefined)
      await recordAudit(database, { type: 'user.password-refused', by: { userId, origin }, now })
    throw wrongPassword()
  }
  const newHash = await hashPassword(change.newPassword, turn)
  const { token, tokenHash } = newSessionToken()
  const rotated = await database.transaction(async tx => {
    if (!(await replacePassword(tx, userId, { oldHash: user.passwordHash, newHash, now })))
      throw wrongPassword()
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
  const device = await devices.make(userId, now)
  if (!rotated) return [device]
  return [sessionCookie(cookieSite(config.PUBLIC_BASE_URL), token, rotated.expiresAt, now), device]
}

async function mayChange(
  user: User,
  session: Session | null,
  currentPassword: string | undefined,
  { turn, now }: { turn: Turn; now: Date },
): Promise<boolean> {
  if (user.passwordHash === null) {
    return session !== null && session.createdAt >= after(now, -FRESH_SESSION_MS)
  }
  return currentPassword !== undefined && (await verifyPassword(currentPassword, user.passwordHash, turn))
}

function wrongPassword(): ApiError {
  return new ApiError('FORBIDDEN', 'currentPassword: is wrong')
}
