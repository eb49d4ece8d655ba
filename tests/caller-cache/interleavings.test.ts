/**
 * Issue 3, "Caller cache with strict revocation": whatever the order in which lookups, fills, drops,
 * renewals, restarts and lost messages happen, and however the clocks run, nobody who asks after a
 * revocation was answered is let in.
 */
import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { act, deliverOldest } from './acts.ts'
import { type Clocks, createWorld, OWNERS, renew, request } from './world.ts'

/** Clocks up to a fifth apart: thousands of times worse than those of any two machines. */
const rate = fc.constantFrom(0.9, 0.97, 1, 1.1)
const clocks: fc.Arbitrary<Clocks> = fc.record({
  gatewayRates: fc.tuple(rate, rate, rate),
  databaseRate: rate,
})
const acts = fc.array(act, { minLength: 40, maxLength: 200, size: 'max' })

/** What resolved promises lead to has happened after this many turns. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 12; turn += 1) await Promise.resolve()
}

test('no interleaving lets in who asks after the answer', async () => {
  const seen = { hits: 0, revocations: 0 }
  const holds = fc.asyncProperty(clocks, acts, async (given, steps) => {
    const world = createWorld(given)
    for (const gateway of world.gateways) renew(world, gateway)
    deliverOldest(world, 20)
    for (const step of steps) {
      step(world)
      await settle()
    }
    // Whoever is still remembered anywhere must be one who may be.
    for (const gateway of world.gateways) for (const id of Object.keys(OWNERS)) request(world, gateway, id)
    seen.hits += world.seen.hits
    seen.revocations += world.seen.revocations
    expect(world.violations).toEqual([])
  })
  await fc.assert(holds, { numRuns: 4_000 })
  // Otherwise the above would prove little.
  expect(seen.hits).toBeGreaterThan(4_000)
  expect(seen.revocations).toBeGreaterThan(5_000)
}, 120_000)
