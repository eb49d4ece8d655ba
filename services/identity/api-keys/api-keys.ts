/** Making and revoking personal access tokens, each with its fact in one transaction (identity spec 6). */
import type { Database, Transaction } from '@mogplex/kit/database/connect.ts'
import { ApiError, notFound } from '@mogplex/kit/errors.ts'
import { newId } from '@mogplex/kit/ids.ts'
import { recordEvent } from '@mogplex/kit/outbox/record.ts'
import { patCreated, patRevoked } from '@mogplex/proto/identity.ts'
import type { NewToken } from '@mogplex/proto/wire/tokens.ts'
import { type Requester, recordAudit } from '../audit/entry.ts'
import { outbox } from '../database/schema.ts'
import { lockActiveUser } from '../users/store.ts'
import type { NewKeyRequest } from './request.ts'
import { countLiveKeys, insertKey, revokeKey } from './store.ts'
import { newToken } from './token.ts'

const MAX_LIVE_KEYS = 100
const DAY_MS = 86_400_000

/** `token` is the only copy of the plaintext. 409 when the user holds 100 live tokens. */
export function createKey(database: Database, owner: Requester, wanted: NewKeyRequest, now: Date) {
  return database.transaction(async tx => {
    // Held, so that two requests cannot both see one place left.
    if (!(await lockActiveUser(tx, owner.userId))) throw new ApiError('UNAUTHORIZED', 'Unauthorized')
    return mintKey(tx, owner, wanted, now)
  })
}

/** {@link createKey} as part of a greater change. The user's row must be held. */
export async function mintKey(
  tx: Transaction,
  owner: Requester,
  { name, scopes, expiresInDays }: NewKeyRequest,
  now: Date,
): Promise<NewToken> {
  const { userId, requestId } = owner
  const { token, tokenHash, prefix } = newToken()
  const id = newId()
  const expiresAt = expiresInDays === null ? null : new Date(now.getTime() + expiresInDays * DAY_MS)
  await refuseBeyondQuota(tx, userId, now)
  await insertKey(tx, { id, userId, name, tokenHash, tokenPrefix: prefix, scopes, expiresAt, createdAt: now })
  const payload = { keyId: id, prefix, scopes }
  await recordEvent(tx, outbox, { event: patCreated, userId, requestId, payload })
  await recordAudit(tx, { type: 'pat.created', by: owner, subject: { id, prefix }, now })
  return { id, token, prefix, scopes, expiresAt: expiresAt?.toISOString() ?? null }
}

/** 409 when there is no place for one more live token. The user's row must be held. */
export async function refuseBeyondQuota(tx: Transaction, userId: string, now: Date): Promise<void> {
  if ((await countLiveKeys(tx, userId, now)) < MAX_LIVE_KEYS) return
  throw new ApiError('CONFLICT', `At most ${MAX_LIVE_KEYS} live tokens; revoke one first`)
}

/** 404 for an unknown, foreign, malformed or already revoked token. */
export async function deleteKey(database: Database, owner: Requester, id: string, now: Date): Promise<void> {
  const { userId, requestId } = owner
  await database.transaction(async tx => {
    const key = await revokeKey(tx, userId, id, now)
    if (!key) throw notFound()
    const payload = { keyId: key.id, prefix: key.tokenPrefix, scopes: key.scopes }
    await recordEvent(tx, outbox, { event: patRevoked, userId, requestId, payload })
    const subject = { id: key.id, prefix: key.tokenPrefix }
    await recordAudit(tx, { type: 'pat.revoked', by: owner, subject, now })
  })
}
