/** Signing in with e-mail and password (identity spec 2). */
import { ApiError } from '@mogplex/kit/errors.ts'
import { recordAudit } from '../audit/entry.ts'
import type { User } from '../database/schema.ts'
import { type Device, isDeviceOf } from '../devices/device-cookie.ts'
import type { IdentityKit } from '../environment.ts'
import { cookieSite } from '../sessions/cookie.ts'
import type { SessionOrigin } from '../sessions/origin.ts'
import { startSession } from '../sessions/start.ts'
import { findUserByEmail } from '../users/store.ts'
import { normalizeEmail } from './email.ts'
import { verifyPassword } from './password-hash.ts'
import { markSignedIn } from './store.ts'

/**
 * Resolves with the user and the cookie of a new session. Unknown e-mail, wrong password, an account without
 * a password and a disabled one are one and the same 401, after the same work.
 */
export async function signIn(
  kit: Pick<IdentityKit, 'database' | 'config' | 'log'>,
  credentials: {
    email: string
    password: string
    /** What the browser shows of an earlier sign-in. */
    device: Device | null
    origin: SessionOrigin
    requestId: string
  },
  now: Date,
): Promise<{ user: User; cookie: string }> {
  const { database, config } = kit
  const { email, password, device, origin, requestId } = credentials
  const user = await findUserByEmail(database, normalizeEmail(email))
  const lane = isDeviceOf(device, user) ? 'known' : 'sign-in'
  const isRight = await verifyPassword(password, user?.passwordHash ?? null, { lane, address: origin.ip })
  const passwordHash = user?.passwordHash
  if (!user || !isRight || !passwordHash || user.disabledAt !== null) {
    if (user) noteFailure(kit, { userId: user.id, origin }, now)
    throw wrongCredentials()
  }
  const site = cookieSite(config.PUBLIC_BASE_URL)
  const cookie = await database.transaction(async tx => {
    if (!(await markSignedIn(tx, user.id, passwordHash, now))) throw wrongCredentials()
    return startSession(tx, { userId: user.id, origin, site, requestId, by: 'user.signed-in', now })
  })
  return { user, cookie }
}

/**
 * After the answer and without waiting: a write before it, which unknown addresses do not have, would tell by
 * its time which accounts exist.
 */
function noteFailure(
  { database, log }: Pick<IdentityKit, 'database' | 'log'>,
  by: { userId: string; origin: SessionOrigin },
  now: Date,
): void {
  setImmediate(() => {
    recordAudit(database, { type: 'user.sign-in-failed', by, now }).catch(err =>
      log.warn({ event: 'audit.failed-sign-in-not-recorded', userId: by.userId, err }),
    )
  })
}

function wrongCredentials(): ApiError {
  return new ApiError('UNAUTHORIZED', 'Wrong e-mail address or password')
}
