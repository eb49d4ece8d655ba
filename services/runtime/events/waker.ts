/** Waiting for a wake or for the next poll, whichever is first. */
import type { Live } from '@mogplex/kit/bus/live.ts'

export interface Waker {
  /** Resolves at the next wake, at once if one came since the last wait, or after `limitMs`. */
  wait: (limitMs: number) => Promise<void>
  /** Ends listening, and the wait that is under way. */
  close: () => void
}

/** Listens to `subject` from now on. Close it, or it listens for ever. */
export function openWaker(live: Live, subject: `live.${string}`): Waker {
  let isWoken = false
  let resume: (() => void) | null = null
  const wake = () => {
    isWoken = true
    resume?.()
  }
  const stopListening = live.onWake(subject, wake)
  return {
    wait: async limitMs => {
      if (!isWoken) {
        await new Promise<void>(resolve => {
          const timer = setTimeout(resolve, limitMs)
          resume = () => {
            clearTimeout(timer)
            resolve()
          }
        })
        resume = null
      }
      isWoken = false
    },
    close: () => {
      stopListening()
      wake()
    },
  }
}
