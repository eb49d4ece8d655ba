import { afterAll, beforeAll, expect, test } from 'bun:test'
import { createLog } from '@mogplex/kit/log.ts'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { type TestRedis, useRedis } from '@mogplex/kit/test-bench/redis.ts'
import { openRedis, type RedisConnection } from './redis-connection.ts'
import { createRedisLimitStore } from './redis-store.ts'
import type { LimitStore } from './store.ts'
import { checkLimitStore } from './store-conformance.ts'

const bucket = { name: 'b', limit: 2, windowMs: 60_000 }
const log = createLog({ process: 'gateway-test', level: 'silent' })

let redis: TestRedis
let connections: RedisConnection[]
let stores: LimitStore[]
beforeAll(async () => {
  redis = await useRedis()
  connections = Array.from({ length: 3 }, () => openRedis(redis.url, log))
  stores = connections.map(createRedisLimitStore)
  for (const store of stores) await untilBack(store)
})
afterAll(async () => {
  for (const connection of connections) connection.close()
  await redis.close()
})

const first = () => stores[0] as LimitStore
const take = (store = first(), key: string = crypto.randomUUID()) => Promise.resolve(store.take(bucket, key))
const isBack = (store: LimitStore) =>
  take(store).then(
    () => true,
    () => false,
  )
async function untilBack(store = first()) {
  expect(await waitUntil(() => isBack(store), { limitMs: 20_000 })).toBe(true)
}

checkLimitStore(() => stores)

test('a store that is gone is said at once, and used again when it is back', async () => {
  await redis.stop()
  // Not after half a second of waiting.
  await expect(take()).rejects.not.toThrow('500 ms')
  await redis.start()
  await untilBack()
})

test('a store that does not answer is given up after half a second, and used again when it does', async () => {
  redis.freeze()
  await expect(take()).rejects.toThrow('500 ms')
  redis.thaw()
  await untilBack()
})

test('a slot that was taken too late to be of use is given back', async () => {
  const key = crypto.randomUUID()
  redis.freeze()
  const late = [take(first(), key), take(first(), key)]
  expect((await Promise.allSettled(late)).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  redis.thaw()
  await untilBack()
  const areBack = async () => {
    const verdict = await take(stores[1], key)
    if (verdict.remaining === 1) return true
    if (verdict.isAdmitted) await stores[1]?.giveBack(bucket, key, verdict.ticket)
    return false
  }
  expect(await waitUntil(areBack, { limitMs: 20_000 })).toBe(true)
})

test('a connection on which nothing comes back is replaced', async () => {
  redis.freeze()
  const isGivenUp = () =>
    take().then(
      () => false,
      error => !String(error).includes('500 ms'),
    )
  expect(await waitUntil(isGivenUp, { limitMs: 20_000 })).toBe(true)
  redis.thaw()
  await untilBack()
})

test('a wrong password is no answer, and the right one is not needed elsewhere', async () => {
  const url = new URL(redis.url)
  url.password = 'wrong'
  const connection = openRedis(url.href, log)
  await Bun.sleep(100)
  await expect(take(createRedisLimitStore(connection))).rejects.toThrow()
  connection.close()
})
