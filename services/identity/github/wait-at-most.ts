/** Waiting for others no longer than a browser, and the gateway before us, would. */

/** Null once the time is over; the work goes on all the same. */
export async function waitAtMost<Value>(work: Promise<Value>, limitMs: number): Promise<Value | null> {
  let timer: Timer | undefined
  const isOver = new Promise<null>(resolve => {
    timer = setTimeout(() => resolve(null), Math.max(0, limitMs))
  })
  return Promise.race([work, isOver]).finally(() => clearTimeout(timer))
}

/** The gateway gives up after 30 s. */
const BROWSER_MS = 25_000

/** How much of a browser's patience is left. */
export function startPatience(now: () => number = () => performance.now()): () => number {
  const until = now() + BROWSER_MS
  return () => until - now()
}
