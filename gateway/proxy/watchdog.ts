/** Ends what takes too long. One timer for all requests: a timer each would cost more than the request. */

/** What is ended when `limitMs` have passed since `since`, ms of the monotonic clock. */
export interface Watched {
  readonly limitMs: number
  since: number
  expire: () => void
}

export interface Watchdog {
  /** Expires it once, unless it is forgotten before. */
  watch: (watched: Watched) => void
  forget: (watched: Watched) => void
  close: () => void
}

const TICK_MS = 250

/** Expiry is noticed up to `tickMs` late. */
export function createWatchdog(tickMs = TICK_MS): Watchdog {
  const all = new Set<Watched>()
  const timer = setInterval(() => {
    const now = performance.now()
    for (const watched of all) {
      if (now - watched.since < watched.limitMs) continue
      all.delete(watched)
      watched.expire()
    }
  }, tickMs)
  return {
    watch: watched => void all.add(watched),
    forget: watched => void all.delete(watched),
    close: () => clearInterval(timer),
  }
}
