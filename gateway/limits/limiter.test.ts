/** Where requests are counted (gateway spec 6): webhooks in this process, all else in the shared store. */
import { expect, test } from 'bun:test'
import { createLog } from '@mogplex/kit/log.ts'
import type { Route } from '@mogplex/proto/routes.ts'
import { ANONYMOUS, WEBHOOK } from '../callers/caller.ts'
import { readGatewayConfig } from '../config.ts'
import { type CountedExchange, createLimiter } from './limiter.ts'
import { createMemoryLimitStore } from './memory-store.ts'
import type { LimitStore } from './store.ts'

const needed = {
  PORT: '8787',
  NATS_URL: 'nats://127.0.0.1:4222',
  IDENTITY_URL: 'http://127.0.0.1:1/',
  PROJECTS_URL: 'http://127.0.0.1:2',
  RUNTIME_URL: 'http://127.0.0.1:3',
}
const { buckets } = await readGatewayConfig(needed, createLog({ process: 'test', level: 'silent' }))
const row: Route = {
  ...{ method: 'POST', path: '/api/webhooks/github', service: 'projects', access: 'webhook', scope: null },
}
const exchange = (): CountedExchange => ({ clientIp: '192.0.2.1', limit: null })
const away: LimitStore = {
  take: () => Promise.reject(new Error('the store is away')),
  giveBack: () => Promise.reject(new Error('the store is away')),
}

test('webhooks keep coming while the shared store is away, and are still counted', async () => {
  const limiter = createLimiter(buckets, away, createMemoryLimitStore())
  for (let count = 1; count <= 600; count += 1) await limiter.admit(exchange(), row, WEBHOOK)
  expect(() => limiter.admit(exchange(), row, WEBHOOK)).toThrow('Rate limit')
})

test('a store that is away is 503 with a time to come back, for callers and for bad credentials', async () => {
  const limiter = createLimiter(buckets, away, createMemoryLimitStore())
  const isAway = { status: 503, code: 'SERVICE_UNAVAILABLE', retryAfterSeconds: 60 }
  const refusalOf = (work: unknown) =>
    Promise.resolve(work).then(
      () => null,
      error => error,
    )
  expect(await refusalOf(limiter.admit(exchange(), row, ANONYMOUS))).toMatchObject(isAway)
  expect(await refusalOf(limiter.countFailure(exchange()))).toMatchObject(isAway)
})

test('a slot that cannot be given back does not spoil the answer', async () => {
  const [bucket] = [buckets.signInEmail ?? { name: 'b', limit: 1, windowMs: 1 }]
  await createLimiter(buckets, away, away).giveBack({ bucket, key: 'a@b.test', ticket: 1 })
})

test('schedulers and tests are counted nowhere', async () => {
  const limiter = createLimiter(buckets, away, away)
  for (const caller of [{ mode: 'cron' }, { mode: 'test', userId: 'u' }] as const) {
    const call = exchange()
    await limiter.admit(call, row, caller)
    expect(call.limit).toBeNull()
  }
})
