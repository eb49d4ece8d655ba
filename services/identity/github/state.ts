/**
 * Trips of a browser to GitHub and back (identity spec 3). A state is good once, for ten minutes, and only in
 * the browser that began with it: the cookie holds it too, so that nobody can be sent back with the state of
 * somebody else's trip. PKCE binds the code to the trip as well.
 */
import { createHash, randomBytes } from 'node:crypto'
import type { Database } from '@mogplex/kit/database/connect.ts'
import { sha256Hex } from '@mogplex/kit/ids.ts'
import { and, eq, gt, inArray, isNull, lt } from 'drizzle-orm'
import { oauthStates } from '../database/schema.ts'

export interface Trip {
  /** `install`: to the page of GitHub where the App is installed. */
  purpose: 'login' | 'connect' | 'install'
  /** Null for a sign-in. */
  userId: string | null
  /** Where the browser goes in the end; safe. */
  next: string
  /** What an earlier trip installed, where this one is for the token that says whose it is. */
  installationId: number | null
}

/** A trip that came back. */
export interface ReturnedTrip extends Trip {
  /** Null for an install, of which GitHub takes none. */
  pkceVerifier: string | null
}

export const STATE_COOKIE = 'mogplex_oauth_state'

const LIFETIME_MS = 600_000

const newSecret = () => randomBytes(32).toString('base64url')

/** Remembers the trip. Old ones are forgotten on the way. */
export async function beginTrip(database: Database, trip: Trip, now: Date) {
  const [state, pkceVerifier] = [newSecret(), newSecret()]
  await database.delete(oauthStates).where(lt(oauthStates.expiresAt, now))
  await database.insert(oauthStates).values({
    ...{ ...trip, stateHash: sha256Hex(state) },
    pkceVerifier: trip.purpose === 'install' ? null : pkceVerifier,
    expiresAt: new Date(now.getTime() + LIFETIME_MS),
  })
  const pkceChallenge = createHash('sha256').update(pkceVerifier).digest('base64url')
  return { state, pkceChallenge }
}

/** Which trips may end at an address. */
export interface Destination {
  purposes: Trip['purpose'][]
  userId: string | null
}

/**
 * Uses the state up. Null when it is not the one of this browser's cookie, of such a purpose and of this user,
 * or was used or is too old: of several uses at once one succeeds.
 */
export async function endTrip(
  database: Database,
  shown: { state: string | null; cookie: string | null },
  { purposes, userId }: Destination,
  now: Date,
): Promise<ReturnedTrip | null> {
  const { state, cookie } = shown
  if (!state || state !== cookie) return null
  const [row] = await database
    .update(oauthStates)
    .set({ usedAt: now })
    .where(
      and(
        eq(oauthStates.stateHash, sha256Hex(state)),
        inArray(oauthStates.purpose, purposes),
        userId === null ? isNull(oauthStates.userId) : eq(oauthStates.userId, userId),
        isNull(oauthStates.usedAt),
        gt(oauthStates.expiresAt, now),
      ),
    )
    .returning()
  return row ?? null
}

/** The cookie that ties a trip to its browser; an empty state clears it. */
export function stateCookie(state: string, isSecure: boolean): string {
  const maxAge = state === '' ? 0 : LIFETIME_MS / 1_000
  const attributes = `HttpOnly; SameSite=Lax; Path=/api/auth; Max-Age=${maxAge}`
  return `${STATE_COOKIE}=${state}; ${attributes}${isSecure ? '; Secure' : ''}`
}

/** The state in a `Cookie` header; null when there is none, or more than one. */
export function readStateCookie(header: string | null): string | null {
  return readTripCookie(header, STATE_COOKIE)
}

/** The value of a cookie that a trip has taken along; null when there is none, or more than one. */
export function readTripCookie(header: string | null, name: string): string | null {
  const values = (header ?? '')
    .split(';')
    .map(pair => pair.trim())
    .filter(pair => pair.startsWith(`${name}=`))
    .map(pair => pair.slice(name.length + 1))
  return values.length === 1 ? (values[0] ?? null) : null
}
