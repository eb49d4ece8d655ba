/** One call to a service from its start to its last byte: what may end it early, and that it ends once. */
import type { Watchdog } from './watchdog.ts'

export interface Call {
  /** Aborts when the client goes, the time is over, or {@link Call.abort} is called. */
  signal: AbortSignal
  abort: () => void
  /** Starts the time limit anew. */
  touch: () => void
  /** Lets go of client and timer. More than one call does nothing. */
  close: () => void
  isClientGone: () => boolean
  /** Rejects as soon as the signal aborts, for work that cannot be aborted itself. */
  orAborted: <T>(work: Promise<T>) => Promise<T>
}

/** `onClose` runs once, at the first {@link Call.close}. */
export function openCall(
  client: AbortSignal,
  watchdog: Watchdog,
  limitMs: number,
  onClose: () => void,
): Call {
  const controller = new AbortController()
  const { signal } = controller
  const abort = () => controller.abort()
  const watch = watchdog.watch(limitMs, abort)
  client.addEventListener('abort', abort)
  let isOpen = true
  return {
    signal,
    abort,
    touch: watch.touch,
    close: () => {
      if (!isOpen) return
      isOpen = false
      watch.stop()
      client.removeEventListener('abort', abort)
      onClose()
    },
    isClientGone: () => client.aborted,
    orAborted: work =>
      Promise.race([
        work,
        new Promise<never>((_, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
        ),
      ]),
  }
}
