/** Exact rolling windows in this process's memory, for a single gateway. */
import type { Bucket, LimitStore } from './store.ts'

export interface MemoryLimitStore extends LimitStore {
  /** Forgets keys whose every admission has left the window. */
  sweep: () => void
  /** How many keys are remembered. */
  size: () => number
}

interface Family {
  windowMs: number
  /** Per key, the times of the admissions in order: as many as the limit at most. */
  admissions: Map<string, number[]>
}

/**
 * `now` is a monotonic clock in ms. A key costs memory only while one of its admissions is in the window, as
 * long as somebody calls {@link MemoryLimitStore.sweep}.
 */
export function createMemoryLimitStore(now: () => number = () => performance.now()): MemoryLimitStore {
  const families = new Map<string, Family>()

  const admissionsOf = ({ name, windowMs }: Bucket): Map<string, number[]> => {
    const family = families.get(name) ?? { windowMs, admissions: new Map<string, number[]>() }
    families.set(name, family)
    return family.admissions
  }

  return {
    take: (bucket, key) => {
      const admissions = admissionsOf(bucket)
      const times = admissions.get(key) ?? []
      const at = now()
      dropUntil(times, at - bucket.windowMs)
      const isAdmitted = times.length < bucket.limit
      if (isAdmitted && times.push(at) === 1) admissions.set(key, times)
      // Not `first + window - at`: rounding would make that longer than the window, and 61 s of it.
      const resetMs = bucket.windowMs - (at - (times[0] ?? at))
      return { isAdmitted, remaining: bucket.limit - times.length, resetMs, ticket: at }
    },
    giveBack: (bucket, key, ticket) => {
      const admissions = admissionsOf(bucket)
      const times = admissions.get(key)
      // Admissions of the same instant are alike, so any of them will do.
      const index = times?.lastIndexOf(ticket) ?? -1
      if (!times || index < 0) return
      times.splice(index, 1)
      if (times.length === 0) admissions.delete(key)
    },
    sweep: () => {
      for (const { windowMs, admissions } of families.values()) {
        const since = now() - windowMs
        for (const [key, times] of admissions) {
          if ((times.at(-1) ?? since) <= since) admissions.delete(key)
        }
      }
    },
    size: () => families.values().reduce((sum, { admissions }) => sum + admissions.size, 0),
  }
}

/** An admission exactly one window old has left it. */
function dropUntil(times: number[], since: number): void {
  let expired = 0
  while (expired < times.length && (times[expired] ?? 0) <= since) expired += 1
  if (expired > 0) times.splice(0, expired)
}
