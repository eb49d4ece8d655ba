/** What the gateway asks about tokens (identity spec 9). */
import { type Answer, answer } from '@mogplex/kit/bus/answer.ts'
import { resolvePat } from '@mogplex/proto/identity.ts'
import type { IdentityKit } from '../environment.ts'
import { usableForMs } from '../gateway-leases/usable-for.ts'
import { findLiveKey, markUsed } from './store.ts'

const TOUCH_INTERVAL_MS = 60_000

/** `identity.pat.resolve`. The use is written down after the answer, at most once a minute per token. */
export function apiKeyAnswers({ database, log }: IdentityKit): Answer[] {
  return [
    answer(resolvePat, async ({ tokenHash }) => {
      const now = new Date()
      const key = await findLiveKey(database, tokenHash, now)
      if (!key) return { status: 'invalid' as const }
      const notSince = new Date(now.getTime() - TOUCH_INTERVAL_MS)
      if (key.lastUsedAt === null || key.lastUsedAt <= notSince) {
        void markUsed(database, key.id, now, notSince).catch(err =>
          log.warn({ event: 'pat.use-not-recorded', keyId: key.id, err }),
        )
      }
      const { id: keyId, userId, scopes } = key
      return {
        status: 'valid' as const,
        userId,
        keyId,
        scopes,
        expiresAt: key.expiresAt?.toISOString() ?? null,
        usableForMs: usableForMs(key.expiresAt, now),
      }
    }),
  ]
}
