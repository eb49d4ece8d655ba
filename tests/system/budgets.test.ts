/** Issue 2, "It must hold", 2, and the limits as they are without any setting (gateway spec 6; v1 contract 3). */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { type Account, type Credential, makeToken, send, signUpWithToken } from './accounts.ts'
import { type System, startSystem } from './launch.ts'
import { GIT_ROOT, makeRepository } from './repositories.ts'
import type { Run } from './runs.ts'
import { openStorage, type Storage } from './stored.ts'

setDefaultTimeout(120_000)

const RUNS = '/api/v1/mogplex/runs'
const ROUNDS = 3

let system: System
let storage: Storage
beforeAll(async () => {
  system = await startSystem({
    env: { AUTH_SIGNUP: 'open', ENABLE_ECHO_HARNESS: 'true', LOCAL_GIT_ROOTS: GIT_ROOT },
  })
  storage = await openStorage(system)
}, 120_000)
afterAll(async () => {
  await storage.close()
  await system.stop()
}, 120_000)

interface StartAnswer {
  status: number
  retryAfter: number
  body: { ok: boolean; data?: Run & { replayed: boolean }; error?: { code: string; message: string } }
}

async function start(
  as: Credential,
  repoId: string,
  key: string,
  prompt = 'say hello',
): Promise<StartAnswer> {
  const json = { repoId, prompt, harness: 'echo', createBranch: true }
  const response = await send(system, 'POST', RUNS, { as, json, headers: { 'idempotency-key': key } })
  const retryAfter = Number(response.headers.get('retry-after'))
  return { status: response.status, retryAfter, body: await response.json() }
}

const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i))

async function countOf(statement: string, ...values: string[]): Promise<number> {
  const [row] = await storage.query(`select count(*)::int as count from ${statement}`, values)
  return Number(row?.count)
}

describe('run starts', () => {
  test('50 equal ones at once with one key are one run, whatever token sends them', async () => {
    for (const _ of times(ROUNDS, round => round)) {
      const ada = await signUpWithToken(system)
      const { repoId } = await makeRepository(system, ada)
      const tokens = [await makeToken(system, ada), await makeToken(system, ada)]
      const answers = await Promise.all(
        times(50, index => start({ token: tokens[index % 2] ?? '' }, repoId, 'the same')),
      )
      expect(answers.map(({ status }) => status)).toEqual(times(50, () => 202))
      expect(new Set(answers.map(({ body }) => body.data?.runId)).size).toBe(1)
      expect(answers.filter(({ body }) => body.data?.replayed === false).length).toBe(1)
      expect(answers.filter(({ body }) => body.data?.replayed === true).length).toBe(49)

      const runId = answers[0]?.body.data?.runId ?? ''
      expect(await countOf('runtime.agent_runs where user_id = $1', ada.userId)).toBe(1)
      expect(await countOf('runtime.limit_events where user_id = $1', ada.userId)).toBe(1)
      const started = `runtime.ai_call_events join runtime.agent_runs r using (ai_call_id)
        where r.id = $1 and event_type = 'started'`
      expect(await countOf(started, runId)).toBe(1)
    }
  })

  test('of 20 different ones at once exactly 10 are accepted, and the others leave nothing', async () => {
    for (const _ of times(ROUNDS, round => round)) {
      const ada = await signUpWithToken(system)
      const { repoId } = await makeRepository(system, ada)
      const token = await makeToken(system, ada)
      const answers = await Promise.all(times(20, index => start({ token }, repoId, `key ${index}`)))
      const byStatus = Object.groupBy(answers, ({ status }) => status)
      expect(Object.entries(byStatus).map(([status, of]) => [status, of?.length])).toEqual([
        ['202', 10],
        ['429', 10],
      ])
      const { 202: accepted, 429: refused } = byStatus
      for (const { body, retryAfter } of refused ?? []) {
        const message = 'External Mogplex run rate limit exceeded'
        expect(body).toEqual({ ok: false, error: { code: 'RATE_LIMITED', message } })
        expect(retryAfter).toBeWithin(1, 61)
      }
      expect(new Set(accepted?.map(({ body }) => body.data?.runId)).size).toBe(10)
      expect(await countOf('runtime.agent_runs where user_id = $1', ada.userId)).toBe(10)
      await replaysStillCostNothing(ada, repoId, answers)
    }
  })
})

/** With the budget used up an accepted key is answered as before, a refused one refused again. */
async function replaysStillCostNothing(ada: Account, repoId: string, first: StartAnswer[]): Promise<void> {
  const again = await Promise.all(
    first.map((_, index) => start({ token: ada.token }, repoId, `key ${index}`)),
  )
  expect(again.map(({ status }) => status)).toEqual(first.map(({ status }) => status))
  expect(again.map(({ body }) => body.data?.runId)).toEqual(first.map(({ body }) => body.data?.runId))
  expect(again.every(({ status, body }) => status === 429 || body.data?.replayed === true)).toBe(true)
}

describe('the token budget', () => {
  const read = (token: string) => send(system, 'GET', '/api/v1/mogplex/repos', { as: { token } })
  /** `Retry-After`, which counts from the first request of the minute. */
  const secondsIn = ({ headers }: Response) => {
    const seconds = Number(headers.get('retry-after'))
    expect(seconds).toBeWithin(20, 61)
    return seconds
  }
  const limitHeaders = ({ headers }: Response) =>
    ['limit', 'remaining', 'reset'].map(name => Number(headers.get(`ratelimit-${name}`)))

  test('of 100 simultaneous requests on a fresh token exactly 60 are admitted', async () => {
    const ada = await signUpWithToken(system)
    for (const _ of times(ROUNDS, round => round)) {
      const token = await makeToken(system, ada)
      const responses = await Promise.all(times(100, () => read(token)))
      const [admitted = [], refused = []] = [200, 429].map(status =>
        responses.filter(response => response.status === status),
      )
      expect([admitted.length, refused.length]).toEqual([60, 40])
      const states = admitted.map(limitHeaders)
      expect(states.map(([, remaining = -1]) => remaining).sort((a, b) => a - b)).toEqual(times(60, i => i))
      for (const [limit, , reset] of states) {
        expect(limit).toBe(60)
        expect(reset).toBeWithin(1, 61)
      }
      for (const response of refused) {
        const message = `Rate limit exceeded. Retry after ${secondsIn(response)}s.`
        expect(await response.json()).toEqual({ ok: false, error: { code: 'RATE_LIMITED', message } })
        expect(limitHeaders(response).slice(0, 2)).toEqual([60, 0])
      }
    }
  })

  test('is one for all routes, charged for refusals too, and its own for each token', async () => {
    const ada = await signUpWithToken(system)
    const [spent, other] = [await makeToken(system, ada, ['read']), await makeToken(system, ada)]
    const places: [string, string, number][] = [
      ['GET', `${RUNS}/${crypto.randomUUID()}`, 404],
      ['POST', RUNS, 403],
      ['GET', '/api/settings/api-keys', 403],
      ['GET', '/api/settings', 200],
    ]
    for (const index of times(60, each => each)) {
      const [method, path, status] = places[index % places.length] ?? ['', '', 0]
      const response = await send(system, method, path, {
        as: { token: spent },
        ...(method === 'POST' ? { json: {} } : {}),
      })
      expect([path, response.status]).toEqual([path, status])
    }
    const internal = await send(system, 'GET', '/api/settings', { as: { token: spent } })
    expect(internal.status).toBe(429)
    expect(await internal.json()).toEqual({
      error: `Rate limit exceeded. Retry after ${secondsIn(internal)}s.`,
      code: 'RATE_LIMITED',
    })
    expect((await read(spent)).status).toBe(429)
    expect((await read(other)).status).toBe(200)
    // The session of the same person does not help a token that is over its budget.
    const both = { token: spent, cookie: ada.cookie }
    expect((await send(system, 'GET', '/api/settings', { as: both })).status).toBe(429)
    expect((await send(system, 'GET', '/api/settings', { as: { cookie: ada.cookie } })).status).toBe(200)
  })

  test('is not used up by guesses, which are refused as such beyond 120 a minute', async () => {
    const ada = await signUpWithToken(system)
    const guess = () => read(`mog_${crypto.randomUUID().replaceAll('-', '')}`)
    const statuses = (await Promise.all(times(200, guess))).map(({ status }) => status)
    expect(statuses.filter(status => status === 401).length).toBe(120)
    expect(statuses.filter(status => status === 429).length).toBe(80)
    const [limit, remaining] = limitHeaders(await read(ada.token))
    expect([limit, remaining]).toEqual([60, 59])
  })
})

test('a refused request does not make the wait longer', async () => {
  const quick = await startSystem({
    env: { AUTH_SIGNUP: 'open', RATE_LIMIT_PAT: '5/2', LOCAL_GIT_ROOTS: GIT_ROOT },
  })
  const { token } = await signUpWithToken(quick)
  const admitted: { sentAtMs: number; answeredAtMs: number }[] = []
  const beganAtMs = performance.now()
  // Never silent for two seconds: a limit that counted refusals would admit nobody again.
  while (admitted.length < 12 && performance.now() - beganAtMs < 60_000) {
    const sentAtMs = performance.now()
    const { status } = await send(quick, 'GET', '/api/settings', { as: { token } })
    if (status === 200) admitted.push({ sentAtMs, answeredAtMs: performance.now() })
    await Bun.sleep(10)
  }
  await quick.stop()
  expect(admitted.length).toBe(12)
  // Of any six admissions the first and the last are a window apart.
  for (const [index, { answeredAtMs }] of admitted.slice(5).entries())
    expect(answeredAtMs - (admitted[index]?.sentAtMs ?? 0)).toBeGreaterThanOrEqual(2_000)
})
