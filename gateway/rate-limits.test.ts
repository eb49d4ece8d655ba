/** Gateway spec 6, as clients see it. */
import { expect, test } from 'bun:test'
import { type BenchOptions, PUBLIC_ORIGIN, useGateway } from './test-bench/gateway.ts'

async function limited(settings: Record<string, string>, options: BenchOptions = {}) {
  const bench = await useGateway({ ...options, settings })
  const call = (path: string, headers: Record<string, string> = {}, init: RequestInit = {}) =>
    fetch(bench.url + path, { headers, redirect: 'manual', ...init })
  return { bench, call, [Symbol.asyncDispose]: () => bench[Symbol.asyncDispose]() }
}

const pat = (token: string) => ({ authorization: `Bearer ${token}` })
const statusesOf = async (calls: Promise<Response>[]) =>
  (await Promise.all(calls)).map(response => response.status)
const count = (statuses: number[], status: number) => statuses.filter(each => each === status).length

test('of 100 requests at once on a fresh token exactly 60 are admitted; another token is not affected', async () => {
  await using gateway = await limited({ RATE_LIMIT_PAT: '60/60' })
  const { bench, call } = gateway
  const token = pat(bench.newPat())
  const statuses = await statusesOf(Array.from({ length: 100 }, () => call('/api/repos', token)))
  expect([count(statuses, 200), count(statuses, 429)]).toEqual([60, 40])
  expect(bench.reached).toHaveLength(60)
  expect((await call('/api/repos', pat(bench.newPat()))).status).toBe(200)
})

test('a refused token is told what the contract says', async () => {
  await using gateway = await limited({ RATE_LIMIT_PAT: '2/60' })
  const { bench, call } = gateway
  const token = pat(bench.newPat())
  const first = await call('/api/v1/mogplex/repos', token)
  expect(first.headers.get('ratelimit-limit')).toBe('2')
  expect(first.headers.get('ratelimit-remaining')).toBe('1')
  expect(first.headers.get('ratelimit-reset')).toBe('60')
  expect(first.headers.get('ratelimit-policy')).toBe('"pat";q=2;w=60')
  expect(first.headers.get('ratelimit')).toBe('"pat";r=1;t=60')
  await call('/api/repos', token)
  const refused = await call('/api/v1/mogplex/repos', token)
  // Counted from the first request.
  const retryAfter = Number(refused.headers.get('retry-after'))
  expect(retryAfter).toBeWithin(40, 61)
  expect(refused.headers.get('ratelimit-remaining')).toBe('0')
  expect(refused.headers.get('ratelimit-policy')).toBe('"pat";q=2;w=60')
  expect(refused.headers.get('ratelimit')).toBe(`"pat";r=0;t=${retryAfter}`)
  expect(await refused.json()).toEqual({
    ok: false,
    error: { code: 'RATE_LIMITED', message: `Rate limit exceeded. Retry after ${retryAfter}s.` },
  })
})

test('a slot is free again after the window, and refused requests did not extend it', async () => {
  await using gateway = await limited({ RATE_LIMIT_PAT: '2/2' })
  const { bench, call } = gateway
  const token = pat(bench.newPat())
  const started = performance.now()
  await call('/api/repos', token)
  await call('/api/repos', token)
  let refusals = 0
  while ((await call('/api/repos', token)).status === 429) {
    refusals += 1
    await Bun.sleep(50)
  }
  expect(refusals).toBeGreaterThan(2)
  expect(performance.now() - started).toBeGreaterThanOrEqual(1_999)
})

test('guessing tokens drains no real budget, and ends in 429 for the guesser only', async () => {
  await using gateway = await limited({ RATE_LIMIT_PAT: '2/60', RATE_LIMIT_AUTHFAIL: '3/60' })
  const { bench, call } = gateway
  const good = pat(bench.newPat())
  const guesses = await statusesOf(
    Array.from({ length: 5 }, () => call('/api/repos', pat(`mog_${'g'.repeat(32)}`))),
  )
  expect([count(guesses, 401), count(guesses, 429)]).toEqual([3, 2])
  const malformed = await call('/api/repos', pat('mog_x'))
  expect(malformed.status).toBe(429)
  expect(Number(malformed.headers.get('retry-after'))).toBeGreaterThan(0)
  expect((await call('/api/repos', good)).status).toBe(200)
})

test('sessions of one user share a budget, anonymous callers of one address theirs', async () => {
  await using gateway = await limited({ RATE_LIMIT_SESSION: '2/60', RATE_LIMIT_ANON: '2/60' })
  const { bench, call } = gateway
  const cookie = () => ({ cookie: `mogplex_session=${bench.newSession()}` })
  const sessions = await statusesOf([1, 2, 3].map(() => call('/api/repos', cookie())))
  expect(count(sessions, 429)).toBe(1)
  const anonymous = await statusesOf([1, 2, 3].map(() => call('/api/auth/providers')))
  expect(count(anonymous, 429)).toBe(1)
  expect((await call('/healthz')).status).toBe(200)
})

const signInHeaders = { origin: PUBLIC_ORIGIN, 'content-type': 'application/json' }
const passwordIs = (right: string) => async (request: Request) => {
  const { password } = await request.json()
  return Response.json({}, { status: password === right ? 200 : 401 })
}

test('sign-ins are counted for each address', async () => {
  await using gateway = await limited({ RATE_LIMIT_SIGNIN_IP: '3/600' }, { upstream: passwordIs('right') })
  const signIn = (email: string) =>
    gateway.call('/api/auth/sign-in/email', signInHeaders, {
      method: 'POST',
      body: JSON.stringify({ email, password: 'right' }),
    })
  const statuses: number[] = []
  for (const name of 'abcd') statuses.push((await signIn(`${name}@x.test`)).status)
  expect(statuses).toEqual([200, 200, 200, 429])
})

test('only failures count for an e-mail address, however it is written; then even the right password waits', async () => {
  await using gateway = await limited({ RATE_LIMIT_SIGNIN_EMAIL: '2/900' }, { upstream: passwordIs('right') })
  const signIn = async (email: string, password: string) =>
    (
      await gateway.call('/api/auth/sign-in/email', signInHeaders, {
        method: 'POST',
        body: JSON.stringify({ email, password }),
      })
    ).status
  for (let round = 0; round < 4; round += 1) expect(await signIn('ada@x.test', 'right')).toBe(200)
  expect(await signIn('ada@x.test', 'wrong')).toBe(401)
  expect(await signIn(' ADA@x.test ', 'wrong')).toBe(401)
  expect(await signIn('ada@x.test', 'right')).toBe(429)
  expect(await signIn('bob@x.test', 'right')).toBe(200)
  expect(gateway.bench.reached).toHaveLength(7)
})

test('failures at once cannot outrun the budget', async () => {
  await using gateway = await limited({ RATE_LIMIT_SIGNIN_EMAIL: '5/900' }, { upstream: passwordIs('right') })
  const body = JSON.stringify({ email: 'ada@x.test', password: 'wrong' })
  const attempts = Array.from({ length: 30 }, () =>
    gateway.call('/api/auth/sign-in/email', signInHeaders, { method: 'POST', body }),
  )
  const statuses = await statusesOf(attempts)
  expect([count(statuses, 401), count(statuses, 429)]).toEqual([5, 25])
})

test('checking provider keys has a small budget of its own', async () => {
  await using gateway = await limited({})
  const headers = { ...signInHeaders, cookie: `mogplex_session=${gateway.bench.newSession()}` }
  const calls = Array.from({ length: 12 }, () =>
    gateway.call('/api/settings/keys/verify', headers, { method: 'POST', body: '{}' }),
  )
  expect(count(await statusesOf(calls), 429)).toBe(2)
})
