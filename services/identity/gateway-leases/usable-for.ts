/** How long a gateway may use an answer about a credential again. */
import { MAX_ANSWER_AGE_MS } from '@mogplex/proto/gateway-leases.ts'

/** In ms from `now`, when the credential was read; never beyond its end. */
export function usableForMs(expiresAt: Date | null, now: Date): number {
  if (expiresAt === null) return MAX_ANSWER_AGE_MS
  return Math.max(0, Math.min(MAX_ANSWER_AGE_MS, expiresAt.getTime() - now.getTime()))
}
