/** Exact rolling windows in this process's memory, for a single gateway. */
import type { Bucket, LimitStore } from './store.ts'

export interface MemoryLimitStore extends LimitStore {
  /** Forgets keys whose every admission has left the window. */
  sweep: () => void
  /** How many keys are remembered. */
  size: () => number
}

/** The times of a key's admissions in order. Those before `first` have left the window. */
interface Admissions {
  times: number[]
  first: number
}

interface Family {
  windowMs: number
  byKey: Map<string, Admissions>
}

/** How many times that have left may lie about before they are cleared away, all at once. */
const CLUTTER = 64

/**
 * `now` is a monotonic clock in ms. A key costs memory only while one of its admissions is in the window, as
 * long as somebody calls {@link MemoryLimitStore.sweep}.
 */
export function createMemoryLimitStore(now: () => number = () => performance.now()): MemoryLimitStore {
  const families = new Map<string, Family>()

  const byKeyOf = ({ name, windowMs }: Bucket): Map<string, Admissions> => {
    const known = families.get(name)
    if (known) return known.byKey
    const byKey = new Map<string, Admissions>()
    families.set(name, { windowMs, byKey })
    return byKey
  }

  return {
    take: (bucket, key) => {
      const byKey = byKeyOf(bucket)
      const known = byKey.get(key)
      const admissions = known ?? { times: [], first: 0 }
      const at = now()
      dropUntil(admissions, at - bucket.windowMs)
      const { times, first } = admissions
      const isAdmitted = times.length - first < bucket.limit
      if (isAdmitted) times.push(at)
      if (isAdmitted && !known) byKey.set(key, admissions)
      // Not `first + window - at`: rounding would make that longer than the window, and 61 s of it.
      const resetMs = bucket.windowMs - (at - (times[first] ?? at))
      return { isAdmitted, remaining: bucket.limit - (times.length - first), resetMs, ticket: at }
    },
    giveBack: (bucket, key, ticket) => {
      const byKey = byKeyOf(bucket)
      const admissions = byKey.get(key)
      // Admissions of the same instant are alike, so any of them will do.
      const index = admissions?.times.lastIndexOf(ticket) ?? -1
      if (!admissions || index < admissions.first) return
      admissions.times.splice(index, 1)
      if (admissions.times.length === admissions.first) byKey.delete(key)
    },
    sweep: () => {
      for (const { windowMs, byKey } of families.values()) {
        const since = now() - windowMs
        for (const [key, { times }] of byKey) {
          if ((times.at(-1) ?? since) <= since) byKey.delete(key)
        }
      }
    },
    size: () => families.values().reduce((sum, { byKey }) => sum + byKey.size, 0),
  }
}

/** An admission exactly one window old has left it. */
function dropUntil(admissions: Admissions, since: number): void {
  const { times } = admissions
  while (admissions.first < times.length && (times[admissions.first] ?? 0) <= since) admissions.first += 1
  // Moving the rest up costs as much as there is of it, so not each time.
  if (admissions.first < CLUTTER || admissions.first * 2 < times.length) return
  times.splice(0, admissions.first)
  admissions.first = 0
}
