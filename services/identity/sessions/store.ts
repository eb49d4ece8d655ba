/** The SQL of sessions. Every change is one statement, conditional on the state it leaves. */
import type { Queryable } from '@mogplex/kit/database/connect.ts'
import { newId } from '@mogplex/kit/ids.ts'
import { isUuid } from '@mogplex/kit/validation.ts'
import { and, desc, eq, getTableColumns, gt, isNull, lte, ne, or, sql } from 'drizzle-orm'
import { type Session, sessions, users } from '../database/schema.ts'
import {
  ABSOLUTE_LIFE_MS,
  after,
  IDLE_LIFE_MS,
  idleExpiry,
  OVERLAP_MS,
  TOUCH_INTERVAL_MS,
} from './lifetime.ts'
import type { SessionOrigin } from './origin.ts'

/** A new session with a token of its own; nothing of an earlier session is taken over. */
export async function insertSession(
  db: Queryable,
  session: { userId: string; tokenHash: string; origin: SessionOrigin; now: Date },
): Promise<{ id: string; expiresAt: Date }> {
  const { userId, tokenHash, origin, now } = session
  const id = newId()
  const absoluteExpiresAt = after(now, ABSOLUTE_LIFE_MS)
  const expiresAt = idleExpiry(now, absoluteExpiresAt)
  await db.insert(sessions).values({
    id,
    userId,
    tokenHash,
    createdAt: now,
    rotatedAt: now,
    lastSeenAt: now,
    expiresAt,
    absoluteExpiresAt,
    ...origin,
  })
  return { id, expiresAt }
}

/** The session whose present or replaced token has this hash, unless its user is disabled. */
export async function findSessionByToken(db: Queryable, tokenHash: string): Promise<Session | null> {
  const [session] = await db
    .select(getTableColumns(sessions))
    .from(sessions)
    .innerJoin(users, eq(users.id, sessions.userId))
    .where(
      and(
        or(eq(sessions.tokenHash, tokenHash), eq(sessions.previousTokenHash, tokenHash)),
        isNull(users.disabledAt),
      ),
    )
  return session ?? null
}

/**
 * Writes a use down: the idle time starts again, at most once a minute; the first use of a token that
 * replaced another starts the other's overlap. Changes nothing when a parallel use has just done so.
 */
export async function recordUse(db: Queryable, id: string, tokenHash: string, now: Date): Promise<void> {
  const isFirstUse = and(
    eq(sessions.tokenHash, tokenHash),
    sql`${sessions.previousTokenHash} is not null`,
    isNull(sessions.previousValidUntil),
  )
  const overlapEnd = after(now, OVERLAP_MS).toISOString()
  await db
    .update(sessions)
    .set({
      lastSeenAt: now,
      expiresAt: idleExpiryInSql(now),
      previousValidUntil: sql`case when ${isFirstUse} then ${overlapEnd}::timestamptz else ${sessions.previousValidUntil} end`,
    })
    .where(
      and(
        eq(sessions.id, id),
        isNull(sessions.revokedAt),
        or(lte(sessions.lastSeenAt, after(now, -TOUCH_INTERVAL_MS)), isFirstUse),
      ),
    )
}

function idleExpiryInSql(now: Date) {
  return sql`least(${after(now, IDLE_LIFE_MS).toISOString()}::timestamptz, ${sessions.absoluteExpiresAt})`
}

/**
 * Replaces the token with hash `oldHash`. Null when it is no longer the present one, because a parallel
 * request replaced it or the session ended. `overlapEndsAt` null: the old token stays good until the new one
 * is used.
 */
export async function rotateToken(
  db: Queryable,
  rotation: { id: string; oldHash: string; newHash: string; overlapEndsAt: Date | null; now: Date },
): Promise<{ expiresAt: Date } | null> {
  const { id, oldHash, newHash, overlapEndsAt, now } = rotation
  const [rotated] = await db
    .update(sessions)
    .set({
      tokenHash: newHash,
      previousTokenHash: oldHash,
      previousValidUntil: overlapEndsAt,
      rotatedAt: now,
      lastSeenAt: now,
      expiresAt: idleExpiryInSql(now),
    })
    .where(and(eq(sessions.id, id), eq(sessions.tokenHash, oldHash), isLiveInSql(now)))
    .returning({ expiresAt: sessions.expiresAt })
  return rotated ?? null
}

function isLiveInSql(now: Date) {
  return and(isNull(sessions.revokedAt), gt(sessions.expiresAt, now), gt(sessions.absoluteExpiresAt, now))
}

/** The user's live sessions, last seen first. */
export function listSessions(db: Queryable, userId: string, now: Date): Promise<Session[]> {
  return db
    .select()
    .from(sessions)
    .where(and(eq(sessions.userId, userId), isLiveInSql(now)))
    .orderBy(desc(sessions.lastSeenAt), desc(sessions.id))
}

/** The user's session if it is live, else null. */
export async function findLiveSession(
  db: Queryable,
  userId: string,
  id: string,
  now: Date,
): Promise<Session | null> {
  if (!isUuid(id)) return null
  const [session] = await db
    .select()
    .from(sessions)
    .where(and(eq(sessions.id, id), eq(sessions.userId, userId), isLiveInSql(now)))
  return session ?? null
}

/** False when the user has no such live session. */
export async function revokeSession(db: Queryable, userId: string, id: string, now: Date): Promise<boolean> {
  if (!isUuid(id)) return false
  const revoked = await db
    .update(sessions)
    .set({ revokedAt: now })
    .where(and(eq(sessions.id, id), eq(sessions.userId, userId), isLiveInSql(now)))
    .returning({ id: sessions.id })
  return revoked.length > 0
}

/** Ends every session of the user except `keepId`. */
export async function revokeOtherSessions(
  db: Queryable,
  userId: string,
  keepId: string | null,
  now: Date,
): Promise<void> {
  await db
    .update(sessions)
    .set({ revokedAt: now })
    .where(
      and(
        eq(sessions.userId, userId),
        isNull(sessions.revokedAt),
        keepId === null ? undefined : ne(sessions.id, keepId),
      ),
    )
}

/** Ends the session whose replaced token turned up after its overlap. False when it had ended already. */
export async function revokeStolenSession(db: Queryable, tokenHash: string, now: Date): Promise<boolean> {
  const revoked = await db
    .update(sessions)
    .set({ revokedAt: now })
    .where(
      and(
        eq(sessions.previousTokenHash, tokenHash),
        lte(sessions.previousValidUntil, now),
        isNull(sessions.revokedAt),
      ),
    )
    .returning({ id: sessions.id })
  return revoked.length > 0
}
