/**
 * Replacing a token by a new one of the same name, scopes and lifetime, with a time in which both are good
 * (issue 3, beyond the spec).
 *
 * The new token lives as long as the old one was given, counted from now; one that never expires is replaced
 * by another. Keeping the old end instead would make a rotation shortly before it worthless, and protect
 * from nobody: whoever may rotate may also make a token with any end.
 *
 * A token is rotated once. To replace it again, its successor is rotated.
 */
import type { Database, Transaction } from '@mogplex/kit/database/connect.ts'
import { ApiError, notFound } from '@mogplex/kit/errors.ts'
import { newId } from '@mogplex/kit/ids.ts'
import { recordEvent } from '@mogplex/kit/outbox/record.ts'
import { patCreated, patRevoked, patRotated } from '@mogplex/proto/identity.ts'
import type { RotatedToken } from '@mogplex/proto/wire/tokens.ts'
import { type Requester, recordAudit } from '../audit/entry.ts'
import { type ApiKey, outbox } from '../database/schema.ts'
import { lockActiveUser } from '../users/store.ts'
import { refuseBeyondQuota } from './api-keys.ts'
import { endKeyAt, findOwnLiveKey, hasSuccessor, insertKey, lockOwnLiveKey, revokeKey } from './store.ts'
import { newToken } from './token.ts'

const HOUR_MS = 3_600_000

/** The part of {@link rotateKey} that comes before the request's body is looked at: its 404. */
export async function refuseUnlessLive(
  database: Database,
  userId: string,
  id: string,
  now: Date,
): Promise<void> {
  if (!(await findOwnLiveKey(database, userId, id, now))) throw notFound()
}

/**
 * `rotation.id` is one that {@link refuseUnlessLive} let pass. `token` is the only copy of the plaintext; `previousExpiresAt` is when the old one stops. 404 for an old
 * one that is unknown, foreign, malformed or not live; 409 when it was rotated before, or when the overlap
 * would make more than 100 live tokens. Of simultaneous rotations of one token exactly one succeeds.
 */
export async function rotateKey(
  database: Database,
  owner: Requester,
  rotation: { id: string; overlapHours: number },
  now: Date,
): Promise<RotatedToken> {
  const { userId } = owner
  const { token, tokenHash, prefix } = newToken()
  const id = newId()
  return database.transaction(async tx => {
    // Held, so that rotations of one token queue up, and nobody else takes the last place left.
    if (!(await lockActiveUser(tx, userId))) throw new ApiError('UNAUTHORIZED', 'Unauthorized')
    const old = await lockOwnLiveKey(tx, userId, rotation.id, now)
    if (!old) throw notFound()
    if (await hasSuccessor(tx, old.id)) {
      throw new ApiError('CONFLICT', 'This token was rotated before; rotate its successor')
    }
    const previousEnd = await endOld(tx, old, rotation.overlapHours, now)
    await refuseBeyondQuota(tx, userId, now)
    const { name, scopes } = old
    const expiresAt = sameLifetime(old, now)
    const key = { id, userId, name, scopes, tokenHash, tokenPrefix: prefix, expiresAt, createdAt: now }
    await insertKey(tx, { ...key, rotatedFrom: old.id })
    await tell(tx, owner, { old, successor: { keyId: id, prefix, scopes }, previousEnd, now })
    return {
      ...{ id, token, prefix, scopes, expiresAt: expiresAt?.toISOString() ?? null },
      ...{ rotatedFrom: old.id, previousExpiresAt: previousEnd.toISOString() },
    }
  })
}

/** When the old token stops: after the overlap, at its own end if that comes first, at once without one. */
async function endOld(tx: Transaction, old: ApiKey, overlapHours: number, now: Date): Promise<Date> {
  if (overlapHours === 0) {
    await revokeKey(tx, old.userId, old.id, now)
    return now
  }
  const overlapEnd = new Date(now.getTime() + overlapHours * HOUR_MS)
  if (old.expiresAt !== null && old.expiresAt <= overlapEnd) return old.expiresAt
  await endKeyAt(tx, old.id, overlapEnd)
  return overlapEnd
}

function sameLifetime({ createdAt, expiresAt }: ApiKey, now: Date): Date | null {
  return expiresAt && new Date(now.getTime() + expiresAt.getTime() - createdAt.getTime())
}

/** Who only follows tokens coming and going hears of both; who wants the link, of the rotation. */
async function tell(
  tx: Transaction,
  owner: Requester,
  facts: {
    old: ApiKey
    successor: { keyId: string; prefix: string; scopes: ApiKey['scopes'] }
    previousEnd: Date
    now: Date
  },
): Promise<void> {
  const { old, successor, previousEnd, now } = facts
  const previous = { keyId: old.id, prefix: old.tokenPrefix, scopes: old.scopes }
  const record = { userId: owner.userId, requestId: owner.requestId }
  await recordEvent(tx, outbox, { ...record, event: patCreated, payload: successor })
  if (previousEnd <= now) await recordEvent(tx, outbox, { ...record, event: patRevoked, payload: previous })
  const payload = { ...previous, successorId: successor.keyId, goodUntil: previousEnd.toISOString() }
  await recordEvent(tx, outbox, { ...record, event: patRotated, payload })
  const subjectOf = ({ keyId: id, prefix }: { keyId: string; prefix: string }) => ({ id, prefix })
  await recordAudit(tx, { type: 'pat.rotated', by: owner, subject: subjectOf(previous), now })
  await recordAudit(tx, { type: 'pat.created', by: owner, subject: subjectOf(successor), now })
}
