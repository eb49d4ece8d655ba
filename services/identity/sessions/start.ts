/** Begins a session at the end of a sign-in, in the sign-in's transaction. */
import type { Transaction } from '@mogplex/kit/database/connect.ts'
import { recordEvent } from '@mogplex/kit/outbox/record.ts'
import { userSignedIn } from '@mogplex/proto/identity.ts'
import { recordAudit } from '../audit/entry.ts'
import { outbox } from '../database/schema.ts'
import { type CookieSite, sessionCookie } from './cookie.ts'
import type { SessionOrigin } from './origin.ts'
import { insertSession } from './store.ts'
import { newSessionToken } from './token.ts'

/** Resolves with the `Set-Cookie` value; the token is nowhere else. */
export async function startSession(
  tx: Transaction,
  options: {
    userId: string
    origin: SessionOrigin
    site: CookieSite
    requestId: string
    /** What the audit trail says. */
    by: 'user.signed-up' | 'user.signed-in'
    now: Date
  },
): Promise<string> {
  const { userId, origin, site, requestId, by: type, now } = options
  const { token, tokenHash } = newSessionToken()
  const session = await insertSession(tx, { userId, tokenHash, origin, now })
  const payload = { sessionId: session.id }
  await recordEvent(tx, outbox, { event: userSignedIn, userId, requestId, payload })
  await recordAudit(tx, { type, by: { userId, origin }, subject: { id: session.id }, now })
  return sessionCookie(site, token, session.expiresAt, now)
}
