/** What every {@link LimitStore} has to keep, checked on a real one. */
import { expect, test } from 'bun:test'
import fc from 'fast-check'
import type { Bucket, LimitStore } from './store.ts'

/** Long enough for a slow machine to ask three times in it. */
const WINDOW_MS = 1_000
const HOUR_MS = 3_600_000

/** `stores()` gives one or more handles on the same counts, as several gateways have them. */
export function checkLimitStore(stores: () => LimitStore[]): void {
  const bucket = (limit: number, windowMs = HOUR_MS): Bucket => ({ name: 'b', limit, windowMs })
  const newKey = () => crypto.randomUUID()
  /** Each use takes the next handle. */
  const turns = () => {
    const all = stores()
    let turn = 0
    return (): LimitStore => {
      turn += 1
      const store = all[turn % all.length]
      if (!store) throw new Error('no store was given')
      return store
    }
  }

  test('of 100 requests at once exactly 60 are admitted', async () => {
    const key = newKey()
    const next = turns()
    const verdicts = await Promise.all(Array.from({ length: 100 }, () => next().take(bucket(60), key)))
    expect(verdicts.filter(verdict => verdict.isAdmitted)).toHaveLength(60)
    const left = verdicts.filter(verdict => verdict.isAdmitted).map(({ remaining }) => remaining)
    expect(left.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 60 }, (_, index) => index))
  })

  test('keys and buckets do not count for each other', async () => {
    const [one, other] = [newKey(), newKey()]
    const next = turns()
    expect((await next().take(bucket(1), one)).isAdmitted).toBe(true)
    expect((await next().take(bucket(1), other)).isAdmitted).toBe(true)
    expect((await next().take({ ...bucket(1), name: 'c' }, one)).isAdmitted).toBe(true)
    expect((await next().take(bucket(1), one)).isAdmitted).toBe(false)
  })

  test('refusals do not put off the time a slot is free, and it is free then', async () => {
    const key = newKey()
    const next = turns()
    const small = bucket(2, WINDOW_MS)
    await next().take(small, key)
    await next().take(small, key)
    const waits: number[] = []
    /** By when a refusal has promised a slot. */
    let freeAtMs = Number.POSITIVE_INFINITY
    for (;;) {
      const askedAtMs = performance.now()
      const { isAdmitted, resetMs } = await next().take(small, key)
      if (isAdmitted) break
      // The clocks of two processes may be a little apart.
      expect(askedAtMs).toBeLessThan(freeAtMs + 20)
      freeAtMs = Math.min(freeAtMs, performance.now() + resetMs)
      waits.push(resetMs)
      await Bun.sleep(5)
    }
    expect(waits.length).toBeGreaterThan(1)
    expect(waits).toEqual(waits.toSorted((a, b) => b - a))
    expect(Math.max(...waits)).toBeLessThanOrEqual(WINDOW_MS)
  })

  test('whatever is taken and given back, the slots in use are counted exactly', async () => {
    const steps = fc.array(fc.constantFrom('take', 'take', 'give back', 'give back twice'), { maxLength: 40 })
    await fc.assert(
      fc.asyncProperty(steps, async history => {
        const key = newKey()
        const next = turns()
        const held: number[] = []
        for (const step of history) {
          const ticket = step === 'take' ? undefined : held.shift()
          if (ticket === undefined) {
            const verdict = await next().take(bucket(5), key)
            expect(verdict.isAdmitted).toBe(held.length < 5)
            if (verdict.isAdmitted) held.push(verdict.ticket)
            expect(verdict.remaining).toBe(5 - held.length)
          } else {
            await next().giveBack(bucket(5), key, ticket)
            // The memory store tells admissions of one instant apart by their number alone.
            if (step === 'give back twice' && !held.includes(ticket)) {
              await next().giveBack(bucket(5), key, ticket)
            }
          }
        }
      }),
      { numRuns: 60 },
    )
  })
}
