/** Signing in with e-mail and password (identity spec 2). */
import { ApiError } from '@mogplex/kit/errors.ts'
import type { User } from '../database/schema.ts'
import type { IdentityKit } from '../environment.ts'
import { cookieSite } from '../sessions/cookie.ts'
import { startSession } from '../sessions/start.ts'
import type { SessionOrigin } from '../sessions/store.ts'
import { findUserByEmail } from '../users/store.ts'
import { normalizeEmail } from './email.ts'
import { verifyPassword } from './password-hash.ts'
import { markSignedIn } from './store.ts'

/**
 * Resolves with the user and the cookie of a new session. Unknown e-mail, wrong password, an account without
 * a password and a disabled one are one and the same 401, after the same work.
 */
export async function signIn(
  { database, config }: Pick<IdentityKit, 'database' | 'config'>,
  credentials: { email: string; password: string; origin: SessionOrigin; requestId: string },
  now: Date,
): Promise<{ user: User; cookie: string }> {
  const { email, password, origin, requestId } = credentials
  const user = await findUserByEmail(database, normalizeEmail(email))
  const isRight = await verifyPassword(password, user?.passwordHash ?? null)
  const passwordHash = user?.passwordHash
  if (!user || !isRight || !passwordHash || user.disabledAt !== null) throw wrongCredentials()
  const site = cookieSite(config.PUBLIC_BASE_URL)
  const cookie = await database.transaction(async tx => {
    if (!(await markSignedIn(tx, user.id, passwordHash, now))) throw wrongCredentials()
    return startSession(tx, { userId: user.id, origin, site, requestId, now })
  })
  return { user, cookie }
}

function wrongCredentials(): ApiError {
  return new ApiError('UNAUTHORIZED', 'Wrong e-mail address or password')
}
