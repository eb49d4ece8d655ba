/**
 * What the operator may do to accounts (identity spec 12: by command line, not over HTTP). Each is one
 * transaction with its entry in the user's audit trail. A process of the instance need not run; the facts
 * recorded here are told by the next one that does.
 */
import type { Database, Queryable } from '@mogplex/kit/database/connect.ts'
import { recordEvent } from '@mogplex/kit/outbox/record.ts'
import { isUuid } from '@mogplex/kit/validation.ts'
import { userDisabled } from '@mogplex/proto/identity.ts'
import { randomBase62 } from '../api-keys/token.ts'
import { NO_ORIGIN, recordAudit } from '../audit/entry.ts'
import { outbox, type User } from '../database/schema.ts'
import { letLeasesRunOut } from '../gateway-leases/gateway-leases.ts'
import { revokeOtherSessions } from '../sessions/store.ts'
import { normalizeEmail } from '../sign-in/email.ts'
import { hashPassword } from '../sign-in/password-hash.ts'
import { findUser, findUserByEmail } from '../users/store.ts'
import { markEmailProven, overwritePassword, setDisabled, setHostAccess } from './store.ts'

/** About 119 bits. */
const PASSWORD_CHARS = 20

/** By id or by e-mail address, in whatever case; null for nobody. */
export function findByIdOrEmail(db: Queryable, who: string): Promise<User | null> {
  return isUuid(who) ? findUser(db, who) : findUserByEmail(db, normalizeEmail(who))
}

/**
 * Ends every session; tokens are refused for as long as it lasts. False when somebody had done it
 * already. Resolves when every gateway knows, 7 s later at most.
 */
export async function disableUser(database: Database, userId: string, now: Date): Promise<boolean> {
  const isChanged = await database.transaction(async tx => {
    // Holds the user's row: a sign-in under way has either made its session by now, or makes none.
    if (!(await setDisabled(tx, userId, now))) return false
    await revokeOtherSessions(tx, userId, null, now)
    await recordEvent(tx, outbox, { event: userDisabled, userId, payload: {} })
    await recordAudit(tx, { type: 'user.disabled', by: { userId, origin: NO_ORIGIN }, now })
    return true
  })
  // Also when it was done before: that command may have been broken off here.
  await letLeasesRunOut(database)
  return isChanged
}

/** Tokens that have not expired work again; sessions stay ended. False when the user was not disabled. */
export function enableUser(database: Database, userId: string, now: Date): Promise<boolean> {
  return database.transaction(async tx => {
    if (!(await setDisabled(tx, userId, null))) return false
    await recordAudit(tx, { type: 'user.enabled', by: { userId, origin: NO_ORIGIN }, now })
    return true
  })
}

/** The operator's word that the address is the user's. False when it is so no more. */
export function verifyEmail(database: Database, userId: string, email: string, now: Date): Promise<boolean> {
  return database.transaction(async tx => {
    if (!(await markEmailProven(tx, userId, email, now))) return false
    await recordAudit(tx, { type: 'user.email-verified', by: { userId, origin: NO_ORIGIN }, now })
    return true
  })
}

/** From the next import, and the next run, on. False when it was so already. */
export function changeHostAccess(
  database: Database,
  userId: string,
  isGranted: boolean,
  now: Date,
): Promise<boolean> {
  return database.transaction(async tx => {
    if (!(await setHostAccess(tx, userId, isGranted ? now : null))) return false
    const type = isGranted ? 'user.host-access-granted' : 'user.host-access-revoked'
    await recordAudit(tx, { type, by: { userId, origin: NO_ORIGIN }, now })
    return true
  })
}

/**
 * Resolves with a new password, which is stored nowhere in plain: the user changes it after signing in.
 * Every session ends; tokens stay, as after the user's own change (identity spec 2).
 */
export async function resetPassword(database: Database, userId: string, now: Date): Promise<string> {
  const password = randomBase62(PASSWORD_CHARS)
  // Before the transaction: a hash takes longer than all its statements.
  const passwordHash = await hashPassword(password, { lane: 'known', address: null })
  await database.transaction(async tx => {
    await overwritePassword(tx, userId, passwordHash, now)
    await revokeOtherSessions(tx, userId, null, now)
    await recordAudit(tx, { type: 'user.password-reset', by: { userId, origin: NO_ORIGIN }, now })
  })
  await letLeasesRunOut(database)
  return password
}
