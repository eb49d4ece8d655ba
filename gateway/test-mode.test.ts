/** Gateway spec 2, 3, 6: test headers make whoever knows the secret any user, and only where that is wanted. */
import { afterAll, beforeEach, expect, test } from 'bun:test'
import { createAssertionVerifier } from '@mogplex/kit/assertion/verifier.ts'
import type { Route } from '@mogplex/proto/routes.ts'
import { GATEWAY_ISSUER } from '@mogplex/proto/services.ts'
import { useGateway } from './test-bench/gateway.ts'

const SECRET = 'the secret of the tests'
const testRow = (path: string, service: Route['service']): Route => ({
  ...{ method: 'POST', path, service, access: 'testonly', scope: null },
})
const routes = [
  testRow('/api/test/identity/reset', 'identity'),
  testRow('/api/test/runtime/:thing', 'runtime'),
  testRow('/api/elsewhere', 'identity'),
]
const on = await useGateway({ routes, settings: { E2E_AUTH_SECRET: SECRET, RATE_LIMIT_SESSION: '1/60' } })
const off = await useGateway({ routes, settings: { E2E_AUTH_SECRET: ' ' } })
const both = [on, off]
afterAll(() => Promise.all(both.map(bench => bench[Symbol.asyncDispose]())))
beforeEach(() => {
  for (const bench of both) bench.reached.length = bench.asked.length = 0
})

type Sent = Record<string, string>
const call = (bench: typeof on, method: string, path: string, headers: Sent = {}) =>
  fetch(bench.url + path, { method, headers, redirect: 'manual' })
const statusOf = async (...args: Parameters<typeof call>) => (await call(...args)).status
const asUser = (userId: string, secret = SECRET) => ({
  'x-mogplex-e2e-auth': secret,
  'x-mogplex-e2e-user-id': userId,
})
const secretOnly = { 'x-mogplex-e2e-auth': SECRET }
const pat = (token: string) => ({ authorization: `Bearer ${token}` })
const cookie = (token: string) => ({ cookie: `mogplex_session=${token}` })
const UNKNOWN_PAT = pat(`mog_${'q'.repeat(32)}`)
const USER_IS_ASKED = ['rpc.identity.user.get']

test('the named user is served as somebody at a browser is, and asserted as a test', async () => {
  const userId = on.newUser()
  for (const [method, path] of [
    ['GET', '/api/repos'],
    ['POST', '/api/repos'],
    ['PUT', '/api/settings/keys'],
    ['GET', '/api/auth/get-session'],
  ] as const)
    expect([path, await statusOf(on, method, path, asUser(userId))]).toEqual([path, 200])
  const verify = createAssertionVerifier({
    audience: 'projects',
    issuers: [GATEWAY_ISSUER],
    publicKeys: JSON.parse(on.issuers.environmentOf('projects').ASSERTION_PUBLIC_KEYS),
  })
  const [first] = on.reached
  expect(await verify(first?.headers.get('x-mogplex-identity') ?? null)).toMatchObject({
    amr: 'test',
    sub: userId,
    scp: ['read', 'write'],
  })
  expect([...(first?.headers.keys() ?? [])].filter(name => name.includes('e2e'))).toEqual([])
})

test('it is exempt from limits and from the Origin check', async () => {
  const headers = { ...asUser(on.newUser()), origin: 'https://evil.test' }
  for (let round = 0; round < 4; round += 1) {
    const response = await call(on, 'POST', '/api/repos', headers)
    expect([response.status, response.headers.get('ratelimit-limit')]).toEqual([200, null])
  }
})

test('a wrong secret, and a user who is not there, are 401 and no fall-through to the cookie', async () => {
  const userId = on.newUser()
  const sent: Sent[] = [
    asUser(userId, 'the secret of the test'),
    asUser(userId, `${SECRET}x`),
    asUser(userId, ''),
    asUser(userId, SECRET.toUpperCase()),
    asUser(crypto.randomUUID()),
    asUser('not an id'),
    asUser(''),
    asUser(on.newUser(true)),
    secretOnly,
  ]
  for (const path of ['/api/repos', '/api/auth/get-session']) {
    for (const headers of sent) {
      const response = await call(on, 'GET', path, { ...headers, ...cookie(on.newSession()) })
      expect([headers, response.status]).toEqual([headers, 401])
      expect(await response.json()).toEqual({ error: 'Unauthorized', code: 'UNAUTHORIZED' })
    }
  }
  expect(on.reached).toHaveLength(0)
})

test('a user id without the secret is no credential', async () => {
  const headers = { 'x-mogplex-e2e-user-id': on.newUser() }
  expect(await statusOf(on, 'GET', '/api/repos', headers)).toBe(401)
  expect(await statusOf(on, 'GET', '/api/auth/get-session', headers)).toBe(200)
  expect(on.asked).toEqual([])
})

test('the first credential present decides: token, then test headers, then session', async () => {
  const tester = asUser(on.newUser())
  expect(await statusOf(on, 'GET', '/api/repos', { ...tester, ...UNKNOWN_PAT })).toBe(401)
  expect(await statusOf(on, 'PUT', '/api/settings/keys', { ...tester, ...pat(on.newPat()) })).toBe(403)
  expect(await statusOf(on, 'POST', '/api/repos', { ...tester, ...pat(on.newPat(['read'])) })).toBe(403)
  on.asked.length = 0
  const beside = await call(on, 'GET', '/api/repos', { ...tester, ...cookie('n'.repeat(43)) })
  expect([beside.status, beside.headers.get('set-cookie')]).toEqual([200, null])
  expect(on.asked).toEqual(USER_IS_ASKED)
})

test('on v1 test headers are no credential, good or bad', async () => {
  for (const headers of [asUser(on.newUser()), asUser(on.newUser(), 'wrong')])
    expect(await statusOf(on, 'GET', '/api/v1/mogplex/repos', headers)).toBe(401)
  expect(on.asked).toEqual([])
  const token = { ...asUser(on.newUser(), 'wrong'), ...pat(on.newPat()) }
  expect(await statusOf(on, 'GET', '/api/v1/mogplex/repos', token)).toBe(200)
})

test('guessing the secret ends in 429, the right one still works', async () => {
  const settings = { E2E_AUTH_SECRET: SECRET, RATE_LIMIT_AUTHFAIL: '3/60' }
  await using bench = await useGateway({ settings, routes })
  const userId = bench.newUser()
  const statuses: number[] = []
  statuses.push(await statusOf(bench, 'GET', '/api/repos', asUser(userId, 'guess')))
  statuses.push(await statusOf(bench, 'POST', '/api/test/unknown', asUser(userId, 'guess')))
  statuses.push(await statusOf(bench, 'GET', '/api/repos', asUser('nobody')))
  statuses.push(await statusOf(bench, 'GET', '/api/repos', asUser(userId, 'guess')))
  statuses.push(await statusOf(bench, 'POST', '/api/test/unknown', asUser(userId, 'guess')))
  statuses.push(await statusOf(bench, 'GET', '/api/repos', asUser(userId)))
  expect(statuses).toEqual([401, 401, 401, 429, 429, 200])
})

test('off, the headers are dropped as if never sent', async () => {
  const tester = asUser(off.newUser(), '')
  expect(await statusOf(off, 'GET', '/api/repos', tester)).toBe(401)
  expect(await statusOf(off, 'GET', '/api/auth/get-session', asUser('x', 'guess'))).toBe(200)
  expect(await statusOf(off, 'GET', '/api/repos', { ...tester, ...cookie(off.newSession()) })).toBe(200)
  expect(off.asked).toEqual(['rpc.identity.session.resolve'])
  for (const { headers } of off.reached)
    expect([...headers.keys()].filter(name => name.includes('e2e'))).toEqual([])
})

test('off, nobody sees that there are test routes', async () => {
  for (const method of ['GET', 'POST', 'PUT', 'OPTIONS'])
    for (const path of ['/api/test', '/api/test/identity/reset', '/api/test/unknown', '/api/test/a/b/c'])
      for (const headers of [{}, asUser(off.newUser(), ''), pat(off.newPat()), UNKNOWN_PAT]) {
        const response = await call(off, method, path, headers)
        expect([method, path, response.status]).toEqual([method, path, 404])
      }
  expect(await statusOf(off, 'POST', '/api/elsewhere')).toBe(404)
  expect(off.reached).toHaveLength(0)
})

test('on, the test routes take the secret and nothing else, known path or not', async () => {
  const cases: [Sent, number][] = [
    [{}, 401],
    [pat(on.newPat()), 401],
    [UNKNOWN_PAT, 401],
    [cookie(on.newSession()), 401],
    [{ 'x-mogplex-e2e-auth': 'wrong' }, 401],
    [{ ...secretOnly, ...pat(on.newPat()) }, 401],
    [asUser(crypto.randomUUID()), 401],
    [secretOnly, 200],
    [{ ...secretOnly, ...cookie('n'.repeat(43)) }, 200],
    [asUser(on.newUser()), 200],
  ]
  for (const path of ['/api/test/identity/reset', '/api/test/runtime/x', '/api/elsewhere'])
    for (const [headers, status] of cases) {
      expect([path, headers, await statusOf(on, 'POST', path, headers)]).toEqual([path, headers, status])
    }
  for (const [headers, status] of cases) {
    const expected = status === 200 ? 404 : status
    expect(await statusOf(on, 'POST', '/api/test/unknown', headers)).toBe(expected)
    expect(await statusOf(on, 'OPTIONS', '/api/test/unknown', headers)).toBe(expected)
  }
  expect(await statusOf(on, 'GET', '/api/test/identity/reset', secretOnly)).toBe(405)
  expect(await statusOf(on, 'GET', '/api/testing', {})).toBe(404)
  expect(on.asked).not.toContain('rpc.identity.pat.resolve')
})

test('while identity is away a test user is 503, never 401', async () => {
  await using bench = await useGateway({ settings: { E2E_AUTH_SECRET: SECRET } })
  const tester = asUser(bench.newUser())
  await bench.stopIdentity()
  const response = await call(bench, 'GET', '/api/repos', tester)
  expect([response.status, response.headers.get('retry-after')]).toEqual([503, '60'])
  expect(await statusOf(bench, 'GET', '/api/repos', asUser('x', 'wrong'))).toBe(401)
})
