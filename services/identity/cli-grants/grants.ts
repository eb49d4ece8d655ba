/** Answering a consent, once (identity spec 10). */
import type { Database, Transaction } from '@mogplex/kit/database/connect.ts'
import { ApiError } from '@mogplex/kit/errors.ts'
import { sha256Hex } from '@mogplex/kit/ids.ts'
import { mintKey } from '../api-keys/api-keys.ts'
import type { Requester } from '../audit/entry.ts'
import { lockActiveUser } from '../users/store.ts'
import type { Consent, Consenter } from './consent.ts'
import { insertGrant, linkKey } from './store.ts'

/** 403 unless the consent was shown to this person in this session. */
export function refuseForeignConsent(consent: Consent, { userId, sessionId }: Consenter): void {
  if (consent.sub === userId && consent.sid === sessionId) return
  throw new ApiError('FORBIDDEN', 'This consent belongs to another session')
}

/**
 * Mints the token. 409 when the consent or its nonce was used before, and when there is no place for one more
 * token; the consent is still good then. Of simultaneous answers to one consent exactly one is taken.
 */
export function approve(
  database: Database,
  owner: Requester,
  { consent, ttlDays }: { consent: Consent; ttlDays: number },
  now: Date,
) {
  return database.transaction(async tx => {
    await answerOnce(tx, consent, 'approved', now)
    const wanted = {
      name: `CLI: ${consent.name}`,
      scopes: ['read', 'write'],
      expiresInDays: ttlDays,
    } as const
    const key = await mintKey(tx, owner, { ...wanted, scopes: [...wanted.scopes] }, now)
    await linkKey(tx, consent.jti, key.id)
    return key
  })
}

/** Uses the consent up. 409 when it was answered before. */
export function deny(database: Database, consent: Consent, now: Date): Promise<void> {
  return database.transaction(tx => answerOnce(tx, consent, 'denied', now))
}

async function answerOnce(
  tx: Transaction,
  { jti, sub, nonce, callback, exp }: Consent,
  status: 'approved' | 'denied',
  now: Date,
): Promise<void> {
  // Held, so that nobody else takes the last place for a token.
  if (!(await lockActiveUser(tx, sub))) throw new ApiError('UNAUTHORIZED', 'Unauthorized')
  const isFirst = await insertGrant(tx, {
    ...{ jti, userId: sub, nonceHash: sha256Hex(nonce), callback, status },
    ...{ createdAt: now, expiresAt: new Date(exp * 1_000) },
  })
  if (!isFirst) throw new ApiError('CONFLICT', 'This was answered before. Start again in your terminal.')
}
