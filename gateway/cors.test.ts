/** Gateway spec 8: pages of listed sites may call with a token; nobody's page may call with a cookie. */
import { afterAll, expect, test } from 'bun:test'
import { PUBLIC_ORIGIN, useGateway } from './test-bench/gateway.ts'

const LISTED = 'https://app.test'
const OTHER = 'https://app.test.evil.test'
const bench = await useGateway({
  settings: { CORS_ALLOWED_ORIGINS: `${LISTED}, http://localhost:5173/`, RATE_LIMIT_PAT: '1/60' },
  upstream: () =>
    Response.json([], {
      headers: {
        'access-control-allow-origin': '*',
        'access-control-allow-credentials': 'true',
        vary: 'accept-encoding',
      },
    }),
})
const closed = await useGateway()
afterAll(() => Promise.all([bench, closed].map(each => each[Symbol.asyncDispose]())))

const pat = (token: string) => ({ authorization: `Bearer ${token}` })
const cookie = () => ({ cookie: `mogplex_session=${bench.newSession()}` })
const call = (path: string, headers: Record<string, string>, method = 'GET', { url } = bench) =>
  fetch(url + path, { method, headers })
const preflight = (origin: string, path: string, on = bench) =>
  call(path, { origin, 'access-control-request-method': 'GET' }, 'OPTIONS', on)
const corsOf = ({ headers }: Response) =>
  Object.fromEntries([...headers].filter(([name]) => name.startsWith('access-control-') || name === 'vary'))

test('a preflight of a listed site is answered where tokens are taken', async () => {
  for (const path of ['/api/v1/mogplex/runs', '/api/repos', '/api/auth/get-session'])
    for (const origin of [LISTED, 'http://localhost:5173', PUBLIC_ORIGIN]) {
      const response = await preflight(origin, path)
      expect([path, origin, response.status]).toEqual([path, origin, 204])
      expect(corsOf(response)).toEqual({
        'access-control-allow-origin': origin,
        'access-control-allow-methods': response.headers.get('access-control-allow-methods') ?? '',
        'access-control-allow-headers': 'authorization, content-type, idempotency-key',
        vary: 'origin',
      })
    }
  const methods = (await preflight(LISTED, '/api/repos')).headers.get('access-control-allow-methods')
  expect(methods).toBe('DELETE, GET, HEAD, PATCH, POST')
})

test('a preflight of any other site, or where only sessions are taken, is refused', async () => {
  for (const [origin, path] of [
    [OTHER, '/api/repos'],
    ['http://app.test', '/api/repos'],
    ['null', '/api/repos'],
    ['', '/api/repos'],
    [LISTED, '/api/settings/keys'],
    [LISTED, '/api/auth/sign-in/email'],
    [LISTED, '/healthz'],
  ] as const) {
    const response = await preflight(origin, path)
    expect([origin, path, response.status]).toEqual([origin, path, 403])
    expect(corsOf(response)).toEqual({ vary: 'origin' })
  }
  expect((await preflight(LISTED, '/api/repos', closed)).status).toBe(403)
})

test('the page may read what it got with its token, refusals too', async () => {
  const token = pat(bench.newPat())
  const statuses: number[] = []
  for (const [headers, path, method] of [
    [token, '/api/repos', 'GET'],
    [token, '/api/repos', 'GET'],
    [pat('mog_short'), '/api/v1/mogplex/repos', 'GET'],
    [pat(bench.newPat(['read'])), '/api/repos', 'POST'],
    [pat(bench.newPat()), '/api/nothing', 'GET'],
  ] as const) {
    const response = await call(path, { ...headers, origin: LISTED }, method)
    statuses.push(response.status)
    expect(corsOf(response)['access-control-allow-origin']).toBe(LISTED)
    expect(corsOf(response).vary).toMatch(/\borigin$/)
    expect(response.headers.has('access-control-allow-credentials')).toBe(false)
  }
  expect(statuses).toEqual([200, 429, 401, 403, 404])
})

test('no other page may, and an answer for one origin is not one for another', async () => {
  const origins: Record<string, string>[] = [{ origin: OTHER }, { origin: 'null' }, {}]
  for (const headers of origins) {
    const response = await call('/api/repos', { ...pat(bench.newPat()), ...headers })
    expect([response.status, corsOf(response)]).toEqual([200, { vary: 'accept-encoding, origin' }])
  }
})

test('what a page did with a cookie, or with nothing, it may not read', async () => {
  const callers: Record<string, string>[] = [cookie(), {}, { authorization: 'Basic eDp5' }]
  for (const headers of callers) {
    const response = await call('/api/auth/get-session', { ...headers, origin: LISTED })
    expect([response.status, corsOf(response)]).toEqual([200, { vary: 'accept-encoding' }])
  }
  const change = await call('/api/repos', { ...cookie(), origin: LISTED }, 'POST')
  expect([change.status, corsOf(change)]).toEqual([403, {}])
})

test('without a list there are no such headers at all', async () => {
  const response = await call('/api/repos', { ...pat(closed.newPat()), origin: LISTED }, 'GET', closed)
  expect([response.status, corsOf(response)]).toEqual([200, {}])
})
