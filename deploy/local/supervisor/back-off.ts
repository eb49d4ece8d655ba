/** How long to wait before a program that ended is started again. */

const FIRST_MS = 200
const LONGEST_MS = 10_000
const FORGIVEN_AFTER_MS = 30_000

/**
 * 0.2 s, doubling up to 10 s. `previousMs` is the wait before the start that just ended (0 before the
 * first), `uptimeMs` how long that start lasted: 30 s of work begin the series anew.
 */
export function nextDelayMs(previousMs: number, uptimeMs: number): number {
  if (previousMs === 0 || uptimeMs >= FORGIVEN_AFTER_MS) return FIRST_MS
  return Math.min(previousMs * 2, LONGEST_MS)
}
