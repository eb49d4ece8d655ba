/** Making an account with a password (identity spec 2). */
import { brokenUniqueConstraint, type Database, type Transaction } from '@mogplex/kit/database/connect.ts'
import { ApiError } from '@mogplex/kit/errors.ts'
import { recordEvent } from '@mogplex/kit/outbox/record.ts'
import { userCreated } from '@mogplex/proto/identity.ts'
import { outbox, type User } from '../database/schema.ts'
import type { IdentityKit } from '../environment.ts'
import { isGithubConfigured } from '../github/oauth-client.ts'
import { cookieSite } from '../sessions/cookie.ts'
import type { SessionOrigin } from '../sessions/origin.ts'
import { startSession } from '../sessions/start.ts'
import { defaultAccess } from '../users/platform-access.ts'
import { hasAnyUser } from '../users/store.ts'
import { decideSignUp, isOperator, type SignUpProof } from './first-sign-up.ts'
import { hashPassword } from './password-hash.ts'
import { insertUser } from './store.ts'

/** Whether somebody could make an account right now, in some way. */
export async function isSignUpOpen(kit: Pick<IdentityKit, 'database' | 'config'>): Promise<boolean> {
  const hasWay = kit.config.AUTH_PASSWORD === 'on' || isGithubConfigured(kit.config)
  return hasWay && (await mayAnybodySignUp(kit))
}

async function mayAnybodySignUp({
  database,
  config: { AUTH_SIGNUP },
}: Pick<IdentityKit, 'database' | 'config'>): Promise<boolean> {
  if (AUTH_SIGNUP === 'closed') return false
  return AUTH_SIGNUP === 'open' || !(await hasAnyUser(database))
}

export interface SignUp {
  /** In stored form and checked, like the others. */
  email: string
  password: string
  name: string | null
  proof: SignUpProof
  origin: SessionOrigin
  requestId: string
}

/**
 * Makes user and session. 403 when sign-up is not allowed, or not without the code of the start; 409 when the
 * e-mail is taken. Of simultaneous first sign-ups exactly one makes a user.
 */
export async function signUp(
  kit: Pick<IdentityKit, 'database' | 'config'>,
  { email, password, name, proof, origin, requestId }: SignUp,
  now: Date,
): Promise<{ user: User; cookie: string }> {
  const { database, config } = kit
  if (!(await mayAnybodySignUp(kit))) throw notAllowed()
  if (config.AUTH_SIGNUP === 'first-user' && !isOperator(config, proof)) throw codeNeeded()
  // Before the transaction: a hash takes longer than all its statements.
  const passwordHash = await hashPassword(password, { lane: 'sign-up', address: origin.ip })
  const access = defaultAccess(config)
  const site = cookieSite(config.PUBLIC_BASE_URL)
  return refusingTakenEmail(database, async tx => {
    const decision = await decideSignUp(tx, config, proof)
    if (decision.refused !== null) throw decision.refused === 'closed' ? notAllowed() : codeNeeded()
    const { hostAccess } = decision
    const user = await insertUser(tx, { email, name, passwordHash, access, hostAccess, now })
    const userId = user.id
    await recordEvent(tx, outbox, { event: userCreated, userId, requestId, payload: { email } })
    const cookie = await startSession(tx, { userId, origin, site, requestId, by: 'user.signed-up', now })
    return { user, cookie }
  })
}

async function refusingTakenEmail<T>(database: Database, work: (tx: Transaction) => Promise<T>): Promise<T> {
  try {
    return await database.transaction(work)
  } catch (cause) {
    if (brokenUniqueConstraint(cause) !== 'users_email_unique') throw cause
    throw new ApiError('CONFLICT', 'email: an account with this e-mail address exists', { cause })
  }
}

function notAllowed(): ApiError {
  return new ApiError('FORBIDDEN', 'Sign-up is not open on this instance')
}

/** Where the code is, is no secret; what it is, only the operator sees. */
function codeNeeded(): ApiError {
  const field = 'signupCode'
  return new ApiError(
    'FORBIDDEN',
    `${field}: the first account needs the code that the start of the instance prints (npm run admin -- signup-code shows it again)`,
    { details: { field } },
  )
}
