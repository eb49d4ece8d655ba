/** Gateway spec 6 with limits in Redis, and what clients see while it is away. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { type TestRedis, useRedis } from '@mogplex/kit/test-bench/redis.ts'
import type { Route } from '@mogplex/proto/routes.ts'
import { type GatewayBench, PUBLIC_ORIGIN, useGateway } from './test-bench/gateway.ts'

setDefaultTimeout(120_000)

const CRON_SECRET = 'the secret of the scheduler'
const row = (path: string, access: Route['access']): Route => ({
  ...{ method: 'POST', path, access, service: 'projects', scope: null },
})

let redis: TestRedis
let bench: GatewayBench
beforeAll(async () => {
  redis = await useRedis()
  bench = await useGateway({
    routes: [row('/api/webhooks/github', 'webhook'), row('/api/cron/any', 'cron')],
    settings: {
      ...{ RATE_LIMIT_REDIS_URL: redis.url, CRON_SECRET, RATE_LIMIT_PAT: '60/60' },
      ...{ RATE_LIMIT_SESSION: '300/60', RATE_LIMIT_ANON: '120/60', RATE_LIMIT_AUTHFAIL: '120/60' },
      ...{ RATE_LIMIT_SIGNIN_IP: '10/600', RATE_LIMIT_SIGNIN_EMAIL: '5/900', RATE_LIMIT_SIGNUP: '20/3600' },
    },
  })
})
afterAll(async () => {
  await bench[Symbol.asyncDispose]()
  await redis.close()
})

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const call = (method: string, path: string, headers: Record<string, string> = {}, body?: string) =>
  fetch(bench.url + path, { method, headers, redirect: 'manual', ...(body ? { body } : {}) })
const json = { 'content-type': 'application/json', origin: PUBLIC_ORIGIN }
const signIn = () =>
  call('POST', '/api/auth/sign-in/email', json, JSON.stringify({ email: 'a@b.test', password: 'x' }))

/** One call of each kind that is counted. */
const counted: Record<string, () => Promise<Response>> = {
  'a token': () => call('GET', '/api/repos', bearer(bench.newPat())),
  'a token on v1': () => call('GET', '/api/v1/mogplex/repos', bearer(bench.newPat())),
  'a session': () => call('GET', '/api/repos', { cookie: `mogplex_session=${bench.newSession()}` }),
  nobody: () => call('GET', '/api/auth/providers'),
  'a sign-in': signIn,
  'a bad token': () => call('GET', '/api/repos', bearer('mog_short')),
}
const uncounted: Record<string, () => Promise<Response>> = {
  'a delivery': () => call('POST', '/api/webhooks/github', {}, '{}'),
  'the scheduler': () => call('POST', '/api/cron/any', bearer(CRON_SECRET)),
  'a look at its health': () => call('GET', '/healthz'),
}

async function expectOutage(): Promise<void> {
  bench.reached.length = 0
  for (const [who, ask] of Object.entries(counted)) {
    const response = await ask()
    expect([who, response.status, response.headers.get('retry-after')]).toEqual([who, 503, '60'])
    expect(JSON.stringify(await response.json())).toContain('SERVICE_UNAVAILABLE')
  }
  expect(bench.reached).toEqual([])
  for (const [who, ask] of Object.entries(uncounted)) expect([who, (await ask()).status]).toEqual([who, 200])
}

async function expectRecovery(): Promise<void> {
  const isServed = async () => (await counted['a token']?.())?.status === 200
  expect(await waitUntil(isServed, { limitMs: 20_000 })).toBe(true)
}

test('of 100 requests at once on a fresh token exactly 60 are admitted, and told so', async () => {
  const headers = bearer(bench.newPat())
  const responses = await Promise.all(Array.from({ length: 100 }, () => call('GET', '/api/repos', headers)))
  expect(responses.filter(({ status }) => status === 200)).toHaveLength(60)
  const refused = responses.find(({ status }) => status === 429)
  // Counted from the first of them.
  const retryAfter = Number(refused?.headers.get('retry-after'))
  expect(retryAfter).toBeWithin(40, 61)
  expect(refused?.headers.get('ratelimit')).toBe(`"pat";r=0;t=${retryAfter}`)
})

test('a store that is gone closes what it counts, and nothing else; then all is as before', async () => {
  await redis.stop()
  await expectOutage()
  await redis.start()
  await expectRecovery()
})

test('a store that hangs does the same', async () => {
  redis.freeze()
  await expectOutage()
  redis.thaw()
  await expectRecovery()
})

test('a store that became a replica, and may not write, does the same', async () => {
  const admin = new Bun.RedisClient(redis.url)
  await admin.send('REPLICAOF', ['127.0.0.1', '1'])
  await expectOutage()
  await admin.send('REPLICAOF', ['NO', 'ONE'])
  await expectRecovery()
  admin.close()
})
