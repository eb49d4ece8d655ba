/** Begins a session at the end of a sign-in, in the sign-in's transaction. */
import type { Transaction } from '@mogplex/kit/database/connect.ts'
import { recordEvent } from '@mogplex/kit/outbox/record.ts'
import { userSignedIn } from '@mogplex/proto/identity.ts'
import { outbox } from '../database/schema.ts'
import { type CookieSite, sessionCookie } from './cookie.ts'
import { insertSession, type SessionOrigin } from './store.ts'
import { newSessionToken } from './token.ts'

const MAX_USER_AGENT_CHARS = 512

/** What a session remembers of the request that began it. */
export function originOf(request: Request, clientIp: string | null): SessionOrigin {
  const userAgent = request.headers.get('user-agent')?.slice(0, MAX_USER_AGENT_CHARS) ?? null
  return { ip: clientIp, userAgent }
}

/** Resolves with the `Set-Cookie` value; the token is nowhere else. */
export async function startSession(
  tx: Transaction,
  options: {
    userId: string
    origin: SessionOrigin
    site: CookieSite
    requestId: string
    now: Date
  },
): Promise<string> {
  const { userId, origin, site, requestId, now } = options
  const { token, tokenHash } = newSessionToken()
  const session = await insertSession(tx, { userId, tokenHash, origin, now })
  const payload = { sessionId: session.id }
  await recordEvent(tx, outbox, { event: userSignedIn, userId, requestId, payload })
  return sessionCookie(site, token, session.expiresAt, now)
}
