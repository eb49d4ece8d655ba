import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { createMemoryLimitStore } from './memory-store.ts'
import type { Bucket } from './store.ts'
import { checkLimitStore } from './store-conformance.ts'

const shared = createMemoryLimitStore()
checkLimitStore(() => [shared])

const bucket: Bucket = { name: 'b', limit: 3, windowMs: 1_000 }

/** The definition itself: every admission ever, counted anew each time. */
function naiveStore(now: () => number) {
  const admitted = new Map<string, number[]>()
  return {
    take: ({ limit, windowMs }: Bucket, key: string) => {
      const times = admitted.get(key) ?? []
      const inWindow = times.filter(time => time > now() - windowMs && time <= now())
      if (inWindow.length >= limit) return { isAdmitted: false, remaining: 0 }
      admitted.set(key, [...times, now()])
      return { isAdmitted: true, remaining: limit - inWindow.length - 1 }
    },
    giveBack: (key: string, ticket: number) => {
      const times = admitted.get(key) ?? []
      const at = times.lastIndexOf(ticket)
      if (at >= 0) admitted.set(key, times.toSpliced(at, 1))
    },
  }
}

const steps = fc.array(
  fc.record({
    waitMs: fc.constantFrom(0, 0, 1, 250, 499, 500, 999, 1_000, 1_001),
    key: fc.constantFrom('x', 'y'),
    what: fc.constantFrom('take', 'take', 'take', 'give back', 'sweep'),
  }),
  { maxLength: 60 },
)

test('admits exactly what the definition of a rolling window admits', () => {
  fc.assert(
    fc.property(steps, history => {
      let time = 0
      const store = createMemoryLimitStore(() => time)
      const model = naiveStore(() => time)
      const tickets = new Map<string, number>()
      for (const { waitMs, key, what } of history) {
        time += waitMs
        const ticket = tickets.get(key)
        if (what === 'sweep') store.sweep()
        else if (what === 'give back' && ticket !== undefined) {
          store.giveBack(bucket, key, ticket)
          model.giveBack(key, ticket)
          tickets.delete(key)
        } else {
          const verdict = store.take(bucket, key)
          if (verdict instanceof Promise) throw new Error('memory does not wait')
          expect(verdict).toMatchObject(model.take(bucket, key))
          if (verdict.isAdmitted) tickets.set(key, verdict.ticket)
        }
      }
    }),
    { numRuns: 2_000 },
  )
})

test('a slot is free exactly when the promised time has passed, and not before', async () => {
  let time = 0
  const store = createMemoryLimitStore(() => time)
  for (const at of [0, 300, 600]) {
    time = at
    expect((await store.take(bucket, 'k')).isAdmitted).toBe(true)
  }
  time = 700
  const refused = await store.take(bucket, 'k')
  expect(refused).toMatchObject({ isAdmitted: false, remaining: 0, resetMs: 300 })
  time = 999
  expect((await store.take(bucket, 'k')).isAdmitted).toBe(false)
  time = 1_000
  expect((await store.take(bucket, 'k')).isAdmitted).toBe(true)
})

test('keys nobody uses any more cost no memory', () => {
  let time = 0
  const store = createMemoryLimitStore(() => time)
  for (let key = 0; key < 10_000; key += 1) store.take(bucket, `key ${key}`)
  time = 500
  store.take(bucket, 'still in use')
  time = 1_000
  store.sweep()
  expect(store.size()).toBe(1)
})

test('nobody is told to wait longer than the window, whatever the clock says', () => {
  const minute: Bucket = { name: 'm', limit: 1, windowMs: 60_000 }
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e9, noNaN: true }), time => {
      const store = createMemoryLimitStore(() => time)
      expect(store.take(minute, 'x')).toMatchObject({ isAdmitted: true, resetMs: 60_000 })
      expect(store.take(minute, 'x')).toMatchObject({ isAdmitted: false, resetMs: 60_000 })
    }),
  )
})
