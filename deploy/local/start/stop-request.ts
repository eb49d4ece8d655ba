/** Ctrl-C and its relatives. */

/**
 * npm passes on the ctrl-C that the terminal has sent to every process already, so one key press may come
 * several times.
 */
const SAME_REQUEST_MS = 500
const EXIT_CODE_INTERRUPTED = 130

/**
 * Resolves at the first SIGINT, SIGTERM or SIGHUP. One more after that calls `killAll` and exits at once.
 */
export function onStopRequest(killAll: () => void): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  let firstAt: number | null = null
  const onSignal = () => {
    if (firstAt === null) {
      firstAt = performance.now()
      resolve()
    } else if (performance.now() - firstAt > SAME_REQUEST_MS) {
      killAll()
      process.exit(EXIT_CODE_INTERRUPTED)
    }
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal)
  return promise
}
