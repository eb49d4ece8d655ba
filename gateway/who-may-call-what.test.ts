/** Gateway spec 2, 3, 5, 7: which caller gets how far, on one row of each class. */
import { afterAll, beforeEach, describe, expect, test } from 'bun:test'
import { PUBLIC_ORIGIN, useGateway } from './test-bench/gateway.ts'

const bench = await useGateway()
afterAll(() => bench[Symbol.asyncDispose]())
beforeEach(() => {
  bench.reached.length = 0
  bench.asked.length = 0
})

type Headers_ = Record<string, string>
const call = (method: string, path: string, headers: Headers_ = {}) =>
  fetch(bench.url + path, { method, headers, redirect: 'manual' })

const sameOrigin = { origin: PUBLIC_ORIGIN }
const patOf = (token: string) => ({ authorization: `Bearer ${token}` })
const cookieOf = (token: string) => ({ cookie: `mogplex_session=${token}` })

const callers = {
  nobody: () => ({}),
  'unknown token': () => patOf(`mog_${'q'.repeat(32)}`),
  'malformed token': () => patOf('mog_short'),
  'full token': () => patOf(bench.newPat()),
  'read token': () => patOf(bench.newPat(['read'])),
  'write token': () => patOf(bench.newPat(['write'])),
  session: () => cookieOf(bench.newSession()),
  'unknown session': () => cookieOf('n'.repeat(43)),
  'full token and bad session': () => ({ ...patOf(bench.newPat()), ...cookieOf('n'.repeat(43)) }),
  'bad token and session': () => ({ ...patOf('mog_short'), ...cookieOf(bench.newSession()) }),
  'another bearer and session': () => ({ ...patOf('sk-live'), ...cookieOf(bench.newSession()) }),
  basic: () => ({ authorization: 'Basic dXNlcjpwYXNz' }),
} satisfies Record<string, () => Headers_>

/** Statuses in the order of `callers`. */
const rows: [name: string, method: string, path: string, statuses: number[]][] = [
  ['generic GET', 'GET', '/api/repos', [401, 401, 401, 200, 200, 403, 200, 401, 200, 401, 200, 401]],
  ['generic POST', 'POST', '/api/repos', [401, 401, 401, 200, 403, 200, 200, 401, 200, 401, 200, 401]],
  ['session', 'PUT', '/api/settings/keys', [401, 401, 401, 403, 403, 403, 200, 401, 403, 401, 200, 401]],
  ['pat', 'POST', '/api/v1/mogplex/runs', [401, 401, 401, 200, 403, 200, 401, 401, 200, 401, 401, 401]],
  ['optional', 'GET', '/api/auth/get-session', [200, 401, 401, 200, 200, 403, 200, 200, 200, 401, 200, 200]],
  ['public', 'GET', '/api/auth/providers', [200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200]],
]

describe.each(rows)('%s', (_, method, path, statuses) => {
  const cases = Object.entries(callers).map(([name, headers], at) => ({
    name,
    headers,
    status: statuses[at] ?? 0,
  }))
  test.each(cases)(`${method} ${path} by $name: $status`, async ({ headers, status }) => {
    const response = await call(method, path, { ...sameOrigin, ...headers() })
    expect(response.status).toBe(status)
    expect(bench.reached).toHaveLength(status === 200 ? 1 : 0)
    expect(response.headers.get('www-authenticate')).toBe(status === 401 ? 'Bearer realm="mogplex"' : null)
  })
})

test('a malformed token is refused without asking identity', async () => {
  await call('GET', '/api/repos', patOf('mog_short'))
  expect(bench.asked).toEqual([])
})

test('on v1 a cookie is not even looked up', async () => {
  await call('GET', '/api/v1/mogplex/repos', cookieOf(bench.newSession()))
  expect(bench.asked).toEqual([])
})

test('unknown, malformed and revoked credentials get the same 401, byte for byte', async () => {
  const revoked = patOf(bench.newPat())
  bench.revokeAll()
  const answers = await Promise.all(
    [callers['unknown token'](), callers['malformed token'](), revoked, {}].map(async headers => {
      const response = await call('GET', '/api/v1/mogplex/repos', headers)
      return [response.status, await response.text()]
    }),
  )
  for (const answer of answers)
    expect(answer).toEqual([401, '{"ok":false,"error":{"code":"UNAUTHORIZED","message":"Unauthorized"}}'])
})

test('the messages of missing scopes are those of the contract', async () => {
  const readOnly = patOf(bench.newPat(['read']))
  const v1 = await call('POST', '/api/v1/mogplex/runs', readOnly)
  expect(await v1.json()).toEqual({
    ok: false,
    error: {
      code: 'FORBIDDEN',
      message:
        "Missing required scope: write. Issue a new token with the 'write' scope at /settings/api-keys.",
    },
  })
  const internal = await call('POST', '/api/repos', readOnly)
  expect(await internal.json()).toEqual({
    error: 'This token lacks the write scope. Create one at /settings/api-keys.',
    code: 'FORBIDDEN',
  })
})

test('an invalid session cookie is cleared wherever it is looked at', async () => {
  for (const [path, status] of [
    ['/api/repos', 401],
    ['/api/auth/get-session', 200],
  ] as const) {
    const response = await call('GET', path, callers['unknown session']())
    expect(response.status).toBe(status)
    expect(response.headers.get('set-cookie')).toBe(
      'mogplex_session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0',
    )
  }
})

test('a rotated session goes back to the browser, also with a refusal', async () => {
  const headers = cookieOf(bench.newSession('mogplex_session=new; Path=/; HttpOnly'))
  const served = await call('GET', '/api/repos', headers)
  expect(served.headers.getSetCookie()).toEqual(['mogplex_session=new; Path=/; HttpOnly'])
  const refused = await call('POST', '/api/repos', { ...headers, origin: 'https://evil.test' })
  expect(refused.status).toBe(403)
  expect(refused.headers.getSetCookie()).toHaveLength(1)
})

test('a session may change things from our own pages only', async () => {
  const post = (headers: Headers_) => call('POST', '/api/repos', { ...callers.session(), ...headers })
  expect((await post({ origin: 'https://evil.test' })).status).toBe(403)
  expect((await post({ 'sec-fetch-site': 'cross-site' })).status).toBe(403)
  expect((await post({})).status).toBe(403)
  expect(bench.reached).toHaveLength(0)
  expect((await post({ 'content-type': 'application/json' })).status).toBe(200)
  const token = await call('POST', '/api/repos', { ...callers['full token'](), origin: 'https://evil.test' })
  expect(token.status).toBe(200)
})

test('sign-in is guarded by the Origin check although it is public', async () => {
  const path = '/api/auth/sign-in/email'
  expect((await call('POST', path, { origin: 'https://evil.test' })).status).toBe(403)
  expect((await call('POST', path, sameOrigin)).status).toBe(200)
})
