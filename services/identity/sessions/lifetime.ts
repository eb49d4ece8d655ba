/** How long a session and its tokens live, and what a presented token is worth (identity spec 2). */
import type { Session } from '../database/schema.ts'

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000

export const IDLE_LIFE_MS = 7 * DAY_MS
export const ABSOLUTE_LIFE_DAYS = 30
export const ABSOLUTE_LIFE_MS = ABSOLUTE_LIFE_DAYS * DAY_MS
/** A use is written down at most this often. */
export const TOUCH_INTERVAL_MS = MINUTE_MS
/** A token older than this is replaced when it is used. */
export const TOKEN_LIFE_MS = DAY_MS
/** How long a replaced token stays good once its successor was used. */
export const OVERLAP_MS = MINUTE_MS

export function after(now: Date, durationMs: number): Date {
  return new Date(now.getTime() + durationMs)
}

export function earlier(a: Date, b: Date): Date {
  return a < b ? a : b
}

/** When a session used at `now` expires unless it is used again. */
export function idleExpiry(now: Date, absoluteExpiresAt: Date): Date {
  return earlier(after(now, IDLE_LIFE_MS), absoluteExpiresAt)
}

export function isLive(
  session: Pick<Session, 'revokedAt' | 'expiresAt' | 'absoluteExpiresAt'>,
  now: Date,
): boolean {
  return session.revokedAt === null && session.expiresAt > now && session.absoluteExpiresAt > now
}

export type TokenUse =
  | { kind: 'invalid' }
  /** A replaced token after its overlap: somebody else has a copy, and the session must end. */
  | { kind: 'stolen' }
  /** The present token, too old: replace it. */
  | { kind: 'aged' }
  /** Good. `isDue`: the use has to be written down. `goodUntil`: when this token stops being good. */
  | { kind: 'good'; isDue: boolean; goodUntil: Date }

/** What the token with hash `tokenHash`, which found `session`, is worth at `now`. */
export function judgeToken(session: Session, tokenHash: string, now: Date): TokenUse {
  if (!isLive(session, now)) return { kind: 'invalid' }
  const isTouchDue = session.lastSeenAt <= after(now, -TOUCH_INTERVAL_MS)
  const expiresAt = isTouchDue ? idleExpiry(now, session.absoluteExpiresAt) : session.expiresAt
  if (session.tokenHash === tokenHash) {
    if (session.rotatedAt <= after(now, -TOKEN_LIFE_MS)) return { kind: 'aged' }
    const isFirstUse = session.previousTokenHash !== null && session.previousValidUntil === null
    return { kind: 'good', isDue: isTouchDue || isFirstUse, goodUntil: expiresAt }
  }
  const validUntil = session.previousValidUntil
  if (validUntil !== null && validUntil <= now) return { kind: 'stolen' }
  // Its successor may be used any moment, from when on the overlap runs: nobody may trust it for longer.
  return {
    kind: 'good',
    isDue: isTouchDue,
    goodUntil: earlier(validUntil ?? after(now, OVERLAP_MS), expiresAt),
  }
}
