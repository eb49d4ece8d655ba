/** Signing out, and seeing and ending one's sessions (identity spec 2). */
import { notFound } from '@mogplex/kit/errors.ts'
import { redirect } from '@mogplex/kit/http/redirect.ts'
import { type RequestContext, userIdOf } from '@mogplex/kit/http/request-context.ts'
import type * as wire from '@mogplex/proto/wire/sessions.ts'
import { Elysia } from 'elysia'
import { type Requester, requesterOf } from '../audit/entry.ts'
import type { Session } from '../database/schema.ts'
import type { IdentityKit } from '../environment.ts'
import { presentUser } from '../users/present.ts'
import { findActiveUser } from '../users/store.ts'
import { clearedSessionCookie, cookieSite } from './cookie.ts'
import { type Ending, endSession } from './end.ts'
import { findLiveSession, listSessions } from './store.ts'

export function sessionRoutes({ context, database, config, dropAtGateways }: IdentityKit) {
  const forget = { 'set-cookie': clearedSessionCookie(cookieSite(config.PUBLIC_BASE_URL)) }

  const end = async (by: Requester, ending: Ending) => {
    const hasEnded = await endSession(database, by, ending, new Date())
    // Also when it had ended before: the answer to an earlier try may have been lost.
    await dropAtGateways([ending.id])
    return hasEnded
  }
  /** The gateway asserts the session when a good one was sent; without one there is nothing to end. */
  const endOwnSession = async (from: RequestContext, request: Request) => {
    const { sub, sid } = from.caller
    if (sub && sid) await end(requesterOf(from, request), { id: sid, type: 'user.signed-out' })
  }
  const signOut = async (from: RequestContext, request: Request) => {
    await endOwnSession(from, request)
    return Response.json({ ok: true }, { headers: forget })
  }

  return new Elysia({ name: 'sessions' })
    .use(context)
    .post('/api/auth/sign-out', ({ context: from, request }) => signOut(from, request))
    .post('/api/auth/logout', ({ context: from, request }) => signOut(from, request))
    .get('/api/auth/logout', async ({ context: from, request }) => {
      // A picture or link on another site must not be able to sign somebody out.
      if (request.headers.get('sec-fetch-site') === 'cross-site') return redirect('/login')
      await endOwnSession(from, request)
      return redirect('/login', [forget['set-cookie']])
    })
    .get('/api/auth/get-session', async ({ context: { caller } }) => {
      const user = caller.sub ? await findActiveUser(database, caller.sub) : null
      if (!user) return Response.json(null)
      const session = caller.sid ? await findLiveSession(database, user.id, caller.sid, new Date()) : null
      return Response.json({
        session: session && { id: session.id, expiresAt: session.expiresAt.toISOString() },
        user: presentUser(user),
      } satisfies wire.CurrentSession)
    })
    .get('/api/auth/sessions', async ({ context: from }) => {
      const sessions = await listSessions(database, userIdOf(from), new Date())
      return { sessions: sessions.map(session => presentSession(session, from.caller.sid)) }
    })
    .delete('/api/auth/sessions/:id', async ({ context: from, params, request }) => {
      const hasEnded = await end(requesterOf(from, request), { id: params.id, type: 'session.revoked' })
      if (!hasEnded) throw notFound()
      return Response.json(
        { ok: true },
        { headers: params.id.toLowerCase() === from.caller.sid ? forget : {} },
      )
    })
}

function presentSession(session: Session, currentId: string | undefined): wire.Session {
  const { id, ip, userAgent } = session
  return {
    id,
    createdAt: session.createdAt.toISOString(),
    lastSeenAt: session.lastSeenAt.toISOString(),
    expiresAt: session.expiresAt.toISOString(),
    ip,
    userAgent,
    current: id === currentId,
  }
}
