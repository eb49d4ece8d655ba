/**
 * Tries again what may work in a moment. A loop of our own: p-retry and its like have no full jitter (a delay
 * between nothing and the bound, which is what spreads a crowd that was turned away together), and no clock that
 * a test can set.
 */
export interface Patience {
  /** Bounds of the delays before the second try and so on; as many tries more as there are. */
  delaysMs: readonly number[]
  /** No try begins later than this after the first. */
  limitMs: number
  /** Between 0 and 1. Default: `Math.random`. */
  random?: () => number
  /** Resolves after so long, or once `signal` is aborted, whatever comes first. Default: a timer. */
  sleep?: (ms: number, signal?: AbortSignal) => Promise<void>
  /** Milliseconds that only grow. Default: `performance.now`. */
  now?: () => number
}

/** Five tries more, about a minute in the mean, two at the most. */
export const PATIENT: Patience = { delaysMs: [4_000, 8_000, 16_000, 32_000, 60_000], limitMs: 120_000 }

/**
 * Runs `work` until it succeeds, fails of what `isPassing` does not call passing, or patience ends: then it throws
 * what `work` threw last. Once `signal` is aborted nothing is begun any more.
 *
 * @example
 * await tryAgain(() => fetch(), { isPassing: error => error instanceof RemoteOutage, patience: PATIENT, signal })
 */
export async function tryAgain<Result>(
  work: (attempt: number) => Promise<Result>,
  options: { isPassing: (error: unknown) => boolean; patience: Patience; signal?: AbortSignal },
): Promise<Result> {
  const { isPassing, patience, signal } = options
  const { delaysMs, limitMs, random = Math.random, sleep = sleepUnlessAborted } = patience
  const now = patience.now ?? (() => performance.now())
  const startedAt = now()
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work(attempt)
    } catch (error) {
      const bound = delaysMs[attempt - 1]
      if (bound === undefined || !isPassing(error) || signal?.aborted) throw error
      const delay = Math.round(random() * bound)
      if (now() + delay - startedAt > limitMs) throw error
      await sleep(delay, signal)
      if (signal?.aborted) throw error
    }
  }
}

async function sleepUnlessAborted(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  const stop = () => resolve()
  signal?.addEventListener('abort', stop, { once: true })
  await promise
  clearTimeout(timer)
  signal?.removeEventListener('abort', stop)
}
