/** Gateway spec 3, 4 "System": what the scheduler calls is closed to everybody without its secret. */
import { afterAll, beforeEach, expect, test } from 'bun:test'
import { createAssertionVerifier } from '@mogplex/kit/assertion/verifier.ts'
import type { Method, Route } from '@mogplex/proto/routes.ts'
import { GATEWAY_ISSUER } from '@mogplex/proto/services.ts'
import { PUBLIC_ORIGIN, useGateway } from './test-bench/gateway.ts'

const SECRET = 'the secret of the scheduler'
const cronRow = (method: Method, path: string): Route => ({
  ...{ method, path, service: 'identity', access: 'cron', scope: null },
})
const KNOWN = '/api/cron/sync-models'
const UNKNOWN = '/api/cron/sync-everything'
const OUTSIDE = '/api/jobs/process'
const routes = [cronRow('GET', KNOWN), cronRow('POST', KNOWN), cronRow('POST', OUTSIDE)]

const set = await useGateway({ routes, settings: { CRON_SECRET: SECRET, RATE_LIMIT_ANON: '1/60' } })
const unset = await useGateway({ routes, settings: { CRON_SECRET: '  ' } })
const both = [set, unset]
afterAll(() => Promise.all(both.map(bench => bench[Symbol.asyncDispose]())))
beforeEach(() => {
  for (const bench of both) bench.reached.length = bench.asked.length = 0
})

type Sent = Record<string, string>
const call = (bench: typeof set, method: string, path: string, headers: Sent = {}) =>
  fetch(bench.url + path, { method, headers, redirect: 'manual' })
const statusOf = async (...args: Parameters<typeof call>) => (await call(...args)).status
const bearer = (text: string) => ({ authorization: `Bearer ${text}` })
const cookie = (token: string) => ({ cookie: `mogplex_session=${token}` })

const bad = (bench: typeof set): Sent[] => [
  {},
  bearer('wrong'),
  bearer(`${SECRET}x`),
  bearer(SECRET.slice(0, -1)),
  bearer(SECRET.toUpperCase()),
  { authorization: SECRET },
  { authorization: `Basic ${SECRET}` },
  { authorization: `Bearer${SECRET}` },
  { 'x-cron-secret': SECRET },
  bearer(bench.newPat()),
  cookie(bench.newSession()),
  { ...bearer(bench.newPat()), ...cookie(bench.newSession()) },
]

test('the secret opens it, however the scheme is written, from anywhere and without limit', async () => {
  for (const authorization of [`Bearer ${SECRET}`, `bearer   ${SECRET}`, `BEARER ${SECRET}`]) {
    const headers = { authorization, origin: 'https://evil.test' }
    for (const [method, path] of [
      ['GET', KNOWN],
      ['POST', KNOWN],
      ['POST', OUTSIDE],
    ] as const) {
      const response = await call(set, method, path, headers)
      expect([path, response.status, response.headers.get('ratelimit-limit')]).toEqual([path, 200, null])
    }
  }
  expect(set.reached).toHaveLength(9)
  expect(set.reached[0]?.headers.get('authorization')).toBeNull()
})

test('the service is told that it is the scheduler, and of no user', async () => {
  await call(set, 'POST', KNOWN, { ...bearer(SECRET), ...cookie(set.newSession()) })
  const verify = createAssertionVerifier({
    audience: 'identity',
    issuers: [GATEWAY_ISSUER],
    publicKeys: JSON.parse(set.issuers.environmentOf('identity').ASSERTION_PUBLIC_KEYS),
  })
  const claims = await verify(set.reached[0]?.headers.get('x-mogplex-identity') ?? null)
  expect(claims).toMatchObject({ amr: 'cron', scp: [] })
  expect(claims).not.toHaveProperty('sub')
  expect(set.asked).toEqual([])
})

test('anything else is 401, on paths nobody knows too', async () => {
  for (const path of [KNOWN, UNKNOWN, '/api/cron', `${KNOWN}/`, `${KNOWN}/more`, OUTSIDE])
    for (const headers of bad(set)) {
      const response = await call(set, 'POST', path, headers)
      expect([path, headers, response.status]).toEqual([path, headers, 401])
      expect(response.headers.get('www-authenticate')).toBe('Bearer realm="mogplex"')
    }
  expect(set.reached).toHaveLength(0)
  expect(set.asked).toEqual([])
})

test('the tree is closed before methods and preflights are looked at', async () => {
  expect(await statusOf(set, 'DELETE', KNOWN)).toBe(401)
  expect(await statusOf(set, 'OPTIONS', KNOWN, { origin: PUBLIC_ORIGIN })).toBe(401)
  expect(await statusOf(set, 'DELETE', KNOWN, bearer(SECRET))).toBe(405)
  expect(await statusOf(set, 'POST', UNKNOWN, bearer(SECRET))).toBe(404)
  expect(await statusOf(set, 'GET', OUTSIDE)).toBe(405)
})

test('its neighbours are not in it', async () => {
  expect(await statusOf(set, 'GET', '/api/cronx')).toBe(404)
  expect(await statusOf(set, 'GET', '/cron/sync-models')).toBe(404)
  expect(await statusOf(set, 'GET', '/api/repos', bearer(SECRET))).toBe(401)
})

test('two Authorization headers are refused although one is right', async () => {
  expect(await statusOf(set, 'POST', KNOWN, { authorization: `Bearer ${SECRET}, Bearer x` })).toBe(400)
  expect(await statusOf(set, 'POST', KNOWN, { authorization: `Basic eA==, Bearer ${SECRET}` })).toBe(400)
})

test('without a secret it is 503 to everybody, whatever they send', async () => {
  for (const path of [KNOWN, UNKNOWN, OUTSIDE])
    for (const headers of [...bad(unset), bearer(SECRET), bearer(''), bearer('undefined'), bearer('null')]) {
      const response = await call(unset, 'POST', path, headers)
      expect([path, headers, response.status]).toEqual([path, headers, 503])
      expect(await response.json()).toMatchObject({ code: 'SERVICE_UNAVAILABLE' })
    }
  expect(unset.reached).toHaveLength(0)
})

test('guessing ends in 429, the right secret still works', async () => {
  await using bench = await useGateway({
    routes,
    settings: { CRON_SECRET: SECRET, RATE_LIMIT_AUTHFAIL: '2/60' },
  })
  const statuses: number[] = []
  for (const guess of ['a', 'b', 'c', SECRET])
    statuses.push(await statusOf(bench, 'POST', UNKNOWN, bearer(guess)))
  statuses.push(await statusOf(bench, 'POST', KNOWN))
  statuses.push(await statusOf(bench, 'POST', KNOWN, bearer(SECRET)))
  expect(statuses).toEqual([401, 401, 429, 404, 401, 200])
})
