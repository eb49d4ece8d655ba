/** Signing in, and up, with a GitHub account (identity spec 3). */
import { brokenUniqueConstraint, type Transaction } from '@mogplex/kit/database/connect.ts'
import { recordEvent } from '@mogplex/kit/outbox/record.ts'
import { githubConnected, userCreated } from '@mogplex/proto/identity.ts'
import { recordAudit } from '../audit/entry.ts'
import { outbox, type User } from '../database/schema.ts'
import type { IdentityKit } from '../environment.ts'
import { cookieSite } from '../sessions/cookie.ts'
import type { SessionOrigin } from '../sessions/origin.ts'
import { startSession } from '../sessions/start.ts'
import { emailFault, normalizeEmail } from '../sign-in/email.ts'
import { decideSignUp, type SignUpProof } from '../sign-in/first-sign-up.ts'
import { insertUser } from '../sign-in/store.ts'
import { defaultAccess } from '../users/platform-access.ts'
import { findUserByEmail } from '../users/store.ts'
import { GithubFault } from './fault.ts'
import type { GithubProfile, GithubToken, VerifiedEmails } from './oauth-client.ts'
import { findUserByGithubId, linkProfile, lockGithubAccount, proveEmail } from './store.ts'
import { storeToken } from './tokens.ts'

export interface GithubSignIn {
  profile: GithubProfile
  emails: VerifiedEmails
  token: GithubToken
  /** Asked for where this makes the first account. */
  proof: SignUpProof
  origin: SessionOrigin
  requestId: string
}

type Kit = Pick<IdentityKit, 'database' | 'config' | 'secrets'>

/**
 * Resolves with the session's `Set-Cookie`. User, token and session are made together or not at all; throws
 * {@link GithubFault} with the code the login page shows.
 */
export function signInWithGithub(kit: Kit, signIn: GithubSignIn, now: Date): Promise<string> {
  const { profile, token, origin, requestId } = signIn
  return kit.database.transaction(async tx => {
    await lockGithubAccount(tx, profile.id)
    const known = await findUserByGithubId(tx, profile.id)
    const user = known ? await welcomeBack(tx, known, profile, now) : await signUp(tx, kit, signIn, now)
    await proveEmail(tx, user.id, signIn.emails.all.filter(isPlain).map(normalizeEmail), now)
    await storing(() => storeToken(tx, kit.secrets, user.id, token, now))
    if (!known) await recordConnection(tx, { userId: user.id, profile, origin, requestId }, now)
    const by = known ? 'user.signed-in' : 'user.signed-up'
    const site = cookieSite(kit.config.PUBLIC_BASE_URL)
    return startSession(tx, { userId: user.id, origin, site, requestId, by, now })
  })
}

/** Tells that the account is tied to the user, to the others and to the user. */
export async function recordConnection(
  tx: Transaction,
  facts: { userId: string; profile: GithubProfile; origin: SessionOrigin; requestId: string },
  now: Date,
): Promise<void> {
  const { userId, profile, origin, requestId } = facts
  const payload = { githubUserId: profile.id, login: profile.login }
  await recordEvent(tx, outbox, { event: githubConnected, userId, requestId, payload })
  const subject = { id: String(profile.id) }
  await recordAudit(tx, { type: 'github.connected', by: { userId, origin }, subject, now })
}

/** The token's own place to fail: without a key to encrypt with it cannot be kept. */
export async function storing(work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (cause) {
    throw new GithubFault('github_token_store', cause)
  }
}

async function welcomeBack(tx: Transaction, known: User, profile: GithubProfile, now: Date): Promise<User> {
  const linked = await linkProfile(tx, known, profile, now).catch(cause => {
    throw new GithubFault('github_profile_link', cause)
  })
  // Disabled, which is told to nobody but the operator.
  if (!linked) throw new GithubFault('access_denied')
  return linked
}

async function signUp(tx: Transaction, kit: Kit, signIn: GithubSignIn, now: Date): Promise<User> {
  const decision = await decideSignUp(tx, kit.config, signIn.proof)
  if (decision.refused !== null)
    throw new GithubFault(decision.refused === 'closed' ? 'signup_closed' : 'signup_code_needed')
  const { hostAccess } = decision
  const email = usableEmail(signIn.emails.primary)
  // Whoever has the address at GitHub need not be who made the account here.
  if (email && (await findUserByEmail(tx, email))) throw new GithubFault('account_exists')
  const { profile, requestId } = signIn
  try {
    const user = await insertUser(tx, {
      ...{
        email,
        name: profile.name,
        passwordHash: null,
        access: defaultAccess(kit.config),
        hostAccess,
        now,
      },
      ...{ username: profile.login, avatarUrl: profile.avatarUrl },
      ...{ githubUsername: profile.login, githubUserId: profile.id, githubAuthMode: 'oauth' },
    })
    await recordEvent(tx, outbox, { event: userCreated, userId: user.id, requestId, payload: { email } })
    return user
  } catch (cause) {
    const isTaken = brokenUniqueConstraint(cause) === 'users_email_unique'
    throw new GithubFault(isTaken ? 'account_exists' : 'github_profile_create', cause)
  }
}

/** Lower-casing makes a plain letter of some that are none, and so one address of two. */
function isPlain(email: string): boolean {
  return /^[\x21-\x7e]+$/.test(email)
}

function usableEmail(text: string | null): string | null {
  const email = text === null ? null : normalizeEmail(text)
  return email === null || emailFault(email) !== null ? null : email
}
