import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { newId } from '@mogplex/kit/ids.ts'
import { limitEvents } from '../database/schema.ts'
import { type HttpRuntime, useHttpRuntime } from '../test-bench/http-runtime.ts'
import { NOTHING_STORED, type RunRequest, startRunAs, storedOf } from '../test-bench/run-client.ts'

// bunfig.toml cannot set it, and a helper only for the first file that imports it.
setDefaultTimeout(120_000)

let runtime: HttpRuntime
beforeAll(async () => {
  runtime = await useHttpRuntime()
})
afterAll(() => runtime.close())
afterEach(() => {
  runtime.clock.now = () => new Date()
})

const start = (...request: RunRequest) => startRunAs(runtime, ...request)

describe('the budget', () => {
  const distinct = (userId: string, repoId: string, count: number) =>
    Promise.all(Array.from({ length: count }, (_, index) => start(userId, { repoId, prompt: `p${index}` })))

  test('20 different starts at once on a fresh user: exactly 10', async () => {
    const replica = await runtime.startReplica()
    for (let round = 0; round < 5; round += 1) {
      const { userId, repoId } = runtime.addUser()
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          start(userId, { repoId, prompt: `p${index}` }, newId(), index % 2 ? runtime.call : replica.call),
        ),
      )
      const denied = answers.filter(({ status }) => status === 429)
      const others = answers.filter(({ status }) => status !== 202 && status !== 429)
      expect(others.map(({ status, body }) => [status, body.error])).toEqual([])
      expect(answers.filter(({ status }) => status === 202)).toHaveLength(10)
      expect(denied).toHaveLength(10)
      for (const { body, retryAfter } of denied) {
        expect(body.error).toEqual({
          code: 'RATE_LIMITED',
          message: 'External Mogplex run rate limit exceeded',
        })
        expect(Number(retryAfter)).toBeWithin(50, 61)
      }
      const { runs, limits } = await storedOf(runtime, userId)
      expect(runs).toHaveLength(10)
      expect(limits.filter(row => row.reason === 'external_agent_run_minutely_rate_exceeded')).toHaveLength(
        10,
      )
    }
    await replica.stop()
  })

  test('replays and refusals cost nothing', async () => {
    const { userId, repoId } = runtime.addUser()
    const body = { repoId, prompt: 'x' }
    await start(userId, body, 'first')
    for (let index = 0; index < 12; index += 1) {
      await start(userId, body, 'first')
      await start(userId, { ...body, mode: 5 })
      await start(userId, { ...body, repoId: newId() })
    }
    expect((await distinct(userId, repoId, 9)).map(({ status }) => status)).toEqual(Array(9).fill(202))
    expect((await start(userId, body)).status).toBe(429)
    expect((await start(userId, body, 'first')).status).toBe(202)
  })

  test.each([
    { count: 10, ageSeconds: 59, retryAfter: '1', message: 'External Mogplex run rate limit exceeded' },
    { count: 10, ageSeconds: 60, retryAfter: null, message: null },
    { count: 30, ageSeconds: 3_000, retryAfter: '600', message: 'External Mogplex run rate limit exceeded' },
    { count: 30, ageSeconds: 3_600, retryAfter: null, message: null },
    {
      count: 150,
      ageSeconds: 80_000,
      retryAfter: '6400',
      message: 'Daily external Mogplex run quota exceeded',
    },
    { count: 150, ageSeconds: 86_400, retryAfter: null, message: null },
  ])('%j', async ({ count, ageSeconds, retryAfter, message }) => {
    const { userId, repoId } = runtime.addUser()
    // The clock stands still: how long the answer takes must not matter.
    const at = new Date()
    runtime.clock.now = () => at
    const createdAt = new Date(at.getTime() - ageSeconds * 1_000)
    const row = { userId, routeKey: 'external_agent_run', reason: null, createdAt }
    // What was refused, or belongs to another budget, does not count.
    const others = [
      { ...row, id: newId(), decision: 'denied' as const },
      { ...row, id: newId(), routeKey: 'chat', decision: 'allowed' as const },
    ]
    const counted = Array.from({ length: count }, () => ({
      ...row,
      id: newId(),
      decision: 'allowed' as const,
    }))
    await runtime.database.insert(limitEvents).values([...others, ...counted])
    const answer = await start(userId, { repoId, prompt: 'x' })
    expect(answer.status).toBe(message ? 429 : 202)
    expect(answer.retryAfter).toBe(retryAfter)
    if (message) expect(answer.body.error.message).toBe(message)
  })

  test('a store that fails: 503, nothing is started', async () => {
    const { userId, repoId } = runtime.addUser()
    await runtime.sql`alter table runtime.limit_events rename to away`
    const { status, body, retryAfter } = await start(userId, { repoId, prompt: 'x' })
    await runtime.sql`alter table runtime.away rename to limit_events`
    expect([status, retryAfter, body.error]).toEqual([
      503,
      '60',
      { code: 'SERVICE_UNAVAILABLE', message: 'External Mogplex run rate limit unavailable' },
    ])
    expect(await storedOf(runtime, userId)).toEqual(NOTHING_STORED)
  })
})
