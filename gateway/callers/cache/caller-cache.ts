/** The caller cache of one gateway, put together from its parts (design, docs/guarantees.md). */
import type { Closer } from '@mogplex/kit/boot/process.ts'
import type { Asker } from '@mogplex/kit/bus/ask.ts'
import type { Bus } from '@mogplex/kit/bus/connect.ts'
import type { Log } from '@mogplex/kit/log.ts'
import { createKeptAnswers } from './answers.ts'
import { type CachingAsker, createCachingAsker } from './caching-asker.ts'
import { createLeaseClock } from './clock.ts'
import { keepLease } from './keep-lease.ts'
import { createLease } from './lease.ts'

/** Some 500 bytes each; who has more callers a minute asks identity a little more often. */
const MAX_ENTRIES = 20_000

export interface CallerCache {
  /** Asks identity only about credentials it may not remember. */
  ask: CachingAsker
  /** Stops remembering, and tells identity so that nobody waits for this gateway. */
  close: Closer
}

export function openCallerCache({ bus, ask, log }: { bus: Bus; ask: Asker; log: Log }): CallerCache {
  const clock = createLeaseClock()
  const lease = createLease()
  const answers = createKeptAnswers<unknown>(lease, MAX_ENTRIES)
  return {
    ask: createCachingAsker({ ask, answers, clock }),
    close: keepLease({ bus, ask, lease, answers, clock, log }),
  }
}
