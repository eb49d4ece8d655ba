/** Ends what takes too long. One timer for all requests: a timer each would cost more than the request. */

export interface Watch {
  /** Starts the time anew: a byte came. */
  touch: () => void
  stop: () => void
}

export interface Watchdog {
  /** Calls `onExpire` once, unless stopped, when `limitMs` have passed since the start or the last touch. */
  watch: (limitMs: number, onExpire: () => void) => Watch
  close: () => void
}

const TICK_MS = 250

/** Expiry is noticed up to `tickMs` late. */
export function createWatchdog(tickMs = TICK_MS): Watchdog {
  const watched = new Set<{ limitMs: number; since: number; onExpire: () => void }>()
  const timer = setInterval(() => {
    const now = performance.now()
    for (const entry of watched) {
      if (now - entry.since < entry.limitMs) continue
      watched.delete(entry)
      entry.onExpire()
    }
  }, tickMs)
  return {
    close: () => clearInterval(timer),
    watch: (limitMs, onExpire) => {
      const entry = { limitMs, since: performance.now(), onExpire }
      watched.add(entry)
      return {
        touch: () => {
          entry.since = performance.now()
        },
        stop: () => void watched.delete(entry),
      }
    },
  }
}
