/** Whether this gateway holds its lease: a state machine without a clock or a wire of its own. */
import { LEASE_MS } from '@mogplex/proto/gateway-leases.ts'

export interface Lease {
  /**
   * A number while the lease is held at `now`, else null. It stays the same exactly as long as the lease was
   * never lost in between: what was kept under another number may have missed an order to drop it.
   */
  possession: (now: number) => number | null
  /** A renewal was granted: sent at `sentAt`, answered at `now`, both of the clock of {@link Lease.possession}. */
  granted: (renewal: { sentAt: number; term: string }, now: number) => void
  /** Gives the lease up for good. */
  surrender: () => void
}

/** Times are ms of one clock that must not run slower than identity's (see `clock.ts`). */
export function createLease(): Lease {
  let heldUntil = Number.NEGATIVE_INFINITY
  let possession = 0
  let term: string | null = null
  let isSurrendered = false

  return {
    possession: now => (now < heldUntil ? possession : null),
    granted: (renewal, now) => {
      const goodUntil = renewal.sentAt + LEASE_MS
      // Answered too late: identity may have let it run out again already.
      if (isSurrendered || goodUntil <= now) return
      const isContinued = now < heldUntil && renewal.term === term
      if (!isContinued) possession += 1
      heldUntil = isContinued ? Math.max(heldUntil, goodUntil) : goodUntil
      term = renewal.term
    },
    surrender: () => {
      isSurrendered = true
      heldUntil = Number.NEGATIVE_INFINITY
    },
  }
}
