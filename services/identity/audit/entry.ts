/**
 * The trail of what happened to somebody's credentials (issue 3, beyond the spec): for the user to see what
 * they did not do. An entry is written in the transaction that makes it true, and names things by id and
 * display prefix: no secret, nor anything made of one, is ever in it.
 */
import type { Queryable } from '@mogplex/kit/database/connect.ts'
import type { RequestContext } from '@mogplex/kit/http/request-context.ts'
import { userIdOf } from '@mogplex/kit/http/request-context.ts'
import { newId } from '@mogplex/kit/ids.ts'
import { auditEntries } from '../database/schema.ts'
import { originOf, type SessionOrigin } from '../sessions/origin.ts'

export type AuditType =
  | 'user.signed-up'
  | 'user.signed-in'
  /** Somebody tried to sign in to this account, and was refused. */
  | 'user.sign-in-failed'
  /** Somebody in a session of the account gave a current password that was not the current one. */
  | 'user.password-refused'
  | 'user.signed-out'
  | 'user.password-changed'
  /** By the operator, like the five after it. */
  | 'user.password-reset'
  | 'user.disabled'
  | 'user.enabled'
  | 'user.email-verified'
  | 'user.host-access-granted'
  | 'user.host-access-revoked'
  | 'session.revoked'
  /** A replaced session token turned up late: somebody has a copy (identity spec 2). */
  | 'session.stolen'
  | 'pat.created'
  | 'pat.revoked'
  | 'pat.rotated'
  | 'github.connected'
  | 'provider-key.stored'
  | 'provider-key.deleted'
  /** The provider was asked about it, whatever it said. */
  | 'provider-key.verified'

/** Who asks for a change, by which request, from where. */
export interface Requester {
  userId: string
  requestId: string
  origin: SessionOrigin
}

/** 401 when the caller is not a user. */
export function requesterOf(context: RequestContext, request: Request): Requester {
  const { requestId, clientIp } = context
  return { userId: userIdOf(context), requestId, origin: originOf(request, clientIp) }
}

/** What nobody's request caused, as far as is known here. */
export const NO_ORIGIN: SessionOrigin = { ip: null, userAgent: null }

export interface AuditFacts {
  type: AuditType
  by: Pick<Requester, 'userId' | 'origin'>
  /** What it is about, where it is not the user: a session, a token, a provider. */
  subject?: { id: string; prefix?: string }
  now: Date
}

/** Must be called inside the transaction that makes the entry true, if there is one. */
export async function recordAudit(db: Queryable, { type, by, subject, now }: AuditFacts): Promise<void> {
  const { userId, origin } = by
  await db.insert(auditEntries).values({
    id: newId(),
    userId,
    type,
    at: now,
    ip: origin.ip,
    userAgent: origin.userAgent,
    subjectId: subject?.id ?? null,
    subjectPrefix: subject?.prefix ?? null,
  })
}
