/** One call to a service from its start to its last byte: what may end it early, and that it ends once. */
import type { ServerRequest } from '../http/server-request.ts'
import type { Watchdog } from './watchdog.ts'

export interface Call {
  /** It was given up: the client left, or the time was over. */
  isAborted: () => boolean
  /** What to do when it is given up, at once if it was already; in place of what was said before. */
  onAbort: (abort: () => void) => void
  /** Starts the time limit anew. */
  touch: () => void
  /** Lets go of client and timer. More than one call does nothing. */
  close: () => void
  /** Rejects as soon as the call is given up, for work that cannot be given up itself. */
  orAborted: <T>(work: Promise<T>) => Promise<T>
}

/** `onClose` runs once, at the first {@link Call.close}. */
export function openCall(
  client: ServerRequest,
  watchdog: Watchdog,
  limitMs: number,
  onClose: () => void,
): Call {
  let isOpen = true
  let isAborted = client.isGone
  let giveUp: () => void = () => undefined
  const abort = () => {
    if (!isOpen || isAborted) return
    isAborted = true
    giveUp()
  }
  const onAbort = (work: () => void) => {
    giveUp = work
    if (isAborted) work()
  }
  const watch = watchdog.watch(limitMs, abort)
  client.onGone = abort
  return {
    isAborted: () => isAborted,
    onAbort,
    touch: watch.touch,
    close: () => {
      if (!isOpen) return
      isOpen = false
      watch.stop()
      client.onGone = null
      onClose()
    },
    orAborted: work => {
      const { promise, reject } = Promise.withResolvers<never>()
      onAbort(() => reject(new Error('given up')))
      return Promise.race([work, promise])
    },
  }
}
