/** Three gateways that share a Redis have one budget for each token (issue 3, "It must hold", 2). */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { type TestRedis, useRedis } from '@mogplex/kit/test-bench/redis.ts'
import { askingOf } from '../caller-cache/asking.ts'
import { type Fleet, insertTokens, startFleet } from '../caller-cache/fleet.ts'
import { signUpWithToken } from '../system/accounts.ts'

setDefaultTimeout(120_000)

/** Long enough for a busy machine to answer a hundred requests in it. */
const WINDOW_MS = 10_000
const TOKENS = 10

let redis: TestRedis
let fleet: Fleet
beforeAll(async () => {
  redis = await useRedis()
  const gatewaySettings = { RATE_LIMIT_REDIS_URL: redis.url, RATE_LIMIT_PAT: `60/${WINDOW_MS / 1_000}` }
  fleet = await startFleet({ gatewaySettings })
})
afterAll(async () => {
  await fleet.stop()
  await redis.close()
})

test('of 100 requests at once on a fresh token exactly 60 are admitted, and the 61st after the window', async () => {
  const { at, statusAt } = askingOf(fleet)
  const { userId } = await signUpWithToken(at(0))
  let token = ''
  for ({ token } of await insertTokens(fleet, userId, TOKENS)) {
    const statuses = await Promise.all(Array.from({ length: 100 }, (_, index) => statusAt(index, { token })))
    expect(statuses.filter(status => status === 200)).toHaveLength(60)
    expect(statuses.filter(status => status === 429)).toHaveLength(40)
  }
  // The last one is refused again and again until its window is over; refusals that counted would put that off for ever.
  const isAdmitted = async () => (await statusAt(1, { token })) === 200
  expect(await waitUntil(isAdmitted, { limitMs: WINDOW_MS + 30_000 })).toBe(true)
})
