/** For how long GitHub wants no calls, and with which credential (projects spec 6.4). In memory: a hint. */
import { rateLimited } from './github-error.ts'

export interface RateLimits {
  /** 429 while GitHub wants none with this credential. */
  assertOpen: (credentialName: string) => void
  close: (credentialName: string, forMs: number) => void
}

const UNKNOWN_WAIT_MS = 60_000
/** GitHub counts by the hour: whoever asks for more has a clock of its own. */
const MAX_WAIT_MS = 3_600_000

export function createRateLimits(now: () => number = Date.now): RateLimits {
  const closedUntilMs = new Map<string, number>()
  return {
    assertOpen: name => {
      const leftMs = (closedUntilMs.get(name) ?? 0) - now()
      if (leftMs > 0) throw rateLimited(leftMs)
    },
    close: (name, forMs) => {
      for (const [known, untilMs] of closedUntilMs) if (untilMs <= now()) closedUntilMs.delete(known)
      closedUntilMs.set(name, now() + forMs)
    },
  }
}

/** How long GitHub asks to wait, in ms; null for an answer that is no rate limit. */
export function askedToWait(status: number, headers: Headers, nowMs: number): number | null {
  const retryAfter = headers.get('retry-after')
  const isUsedUp = headers.get('x-ratelimit-remaining') === '0'
  if (status !== 429 && !(status === 403 && (retryAfter !== null || isUsedUp))) return null
  const seconds = Number(retryAfter ?? Number.NaN)
  if (Number.isFinite(seconds) && seconds >= 0) return Math.min(seconds * 1_000, MAX_WAIT_MS)
  const resetsAt = Number(headers.get('x-ratelimit-reset') ?? Number.NaN) * 1_000
  if (!Number.isFinite(resetsAt)) return UNKNOWN_WAIT_MS
  return Math.min(Math.max(0, resetsAt - nowMs), MAX_WAIT_MS)
}
