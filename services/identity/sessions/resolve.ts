/** From a session token's hash to who is calling, with rotation and the theft signal (identity spec 2). */
import type { Database } from '@mogplex/kit/database/connect.ts'
import type { ReplyOf } from '@mogplex/proto/contract.ts'
import type { resolveSession } from '@mogplex/proto/identity.ts'
import { NO_ORIGIN, recordAudit } from '../audit/entry.ts'
import type { Session } from '../database/schema.ts'
import type { IdentityKit } from '../environment.ts'
import { usableForMs } from '../gateway-leases/usable-for.ts'
import { cookieSite, sessionCookie } from './cookie.ts'
import { judgeToken } from './lifetime.ts'
import { findSessionByToken, recordUse, revokeStolenSession, rotateToken } from './store.ts'
import { newSessionToken } from './token.ts'

type ResolveKit = Pick<IdentityKit, 'database' | 'config' | 'log' | 'dropAtGateways'>
type Resolution = ReplyOf<typeof resolveSession>

const INVALID: Resolution = { status: 'invalid' }

/**
 * Of parallel requests with one aged token exactly one gets a replacement; the others find their token
 * replaced, which stays good for the overlap. The second look decides, so two are enough.
 */
export async function resolveSessionToken(
  kit: ResolveKit,
  tokenHash: string,
  now: Date,
): Promise<Resolution> {
  const first = await lookAt(kit, tokenHash, now)
  const found = first === 'replaced-meanwhile' ? await lookAt(kit, tokenHash, now) : first
  return found === 'replaced-meanwhile' ? INVALID : found
}

async function lookAt(
  kit: ResolveKit,
  tokenHash: string,
  now: Date,
): Promise<Resolution | 'replaced-meanwhile'> {
  const { database, log } = kit
  const session = await findSessionByToken(database, tokenHash)
  if (!session) return INVALID
  const use = judgeToken(session, tokenHash, now)
  if (use.kind === 'invalid') return INVALID
  if (use.kind === 'stolen') {
    await endStolen(database, session, tokenHash, now)
    await kit.dropAtGateways([session.id])
    log.warn({ event: 'session.stolen', userId: session.userId, sessionId: session.id })
    return INVALID
  }
  if (use.kind === 'aged') return rotate(kit, session, now)
  if (use.isDue) await recordUse(database, session.id, tokenHash, now)
  return valid(session, use.goodUntil, { usableForMs: usableForMs(use.goodUntil, now) })
}

/** Who holds the copy is not known here: the gateway asks with the token's hash alone. */
async function endStolen(database: Database, session: Session, tokenHash: string, now: Date): Promise<void> {
  const { id, userId } = session
  await database.transaction(async tx => {
    if (!(await revokeStolenSession(tx, tokenHash, now))) return
    const by = { userId, origin: NO_ORIGIN }
    await recordAudit(tx, { type: 'session.stolen', by, subject: { id }, now })
  })
}

async function rotate(
  { database, config }: Pick<IdentityKit, 'database' | 'config'>,
  session: Session,
  now: Date,
): Promise<Resolution | 'replaced-meanwhile'> {
  const { token, tokenHash: newHash } = newSessionToken()
  const rotated = await rotateToken(database, {
    id: session.id,
    oldHash: session.tokenHash,
    newHash,
    overlapEndsAt: null,
    now,
  })
  if (!rotated) return 'replaced-meanwhile'
  const { expiresAt } = rotated
  // Not to be used again: everybody would get the new cookie.
  const replacementCookie = sessionCookie(cookieSite(config.PUBLIC_BASE_URL), token, expiresAt, now)
  return valid(session, expiresAt, { replacementCookie })
}

function valid(
  { id: sessionId, userId }: Session,
  expiresAt: Date,
  more: { usableForMs: number } | { replacementCookie: string },
): Resolution {
  const reply = { status: 'valid' as const, userId, sessionId, expiresAt: expiresAt.toISOString() }
  return { ...reply, replacementCookie: null, ...more }
}
