/** Gateway spec 1: the first step that fails decides. Each case fails at its step and at later ones too. */
import { afterAll, beforeEach, expect, test } from 'bun:test'
import { PUBLIC_ORIGIN, useGateway } from './test-bench/gateway.ts'
import { sendRaw } from './test-bench/raw-http.ts'

const bench = await useGateway({
  settings: { RATE_LIMIT_PAT: '1/60', RATE_LIMIT_SESSION: '1/60' },
})
afterAll(() => bench[Symbol.asyncDispose]())
beforeEach(() => {
  bench.reached.length = 0
})

const pat = (token: string) => ({ authorization: `Bearer ${token}` })
const cookie = (token: string) => ({ cookie: `mogplex_session=${token}` })
const call = (method: string, path: string, headers: Record<string, string> = {}, body?: string) =>
  fetch(bench.url + path, { method, headers, redirect: 'manual', ...(body === undefined ? {} : { body }) })

const TOO_LARGE = 'x'.repeat(1_048_577)
const BAD_PAT = pat(`mog_${'z'.repeat(32)}`)

/** Uses up a fresh credential's only request and returns it. */
async function spentPat(scopes: ('read' | 'write')[] = ['read', 'write']) {
  const headers = pat(bench.newPat(scopes))
  await call('GET', '/api/repos', headers)
  bench.reached.length = 0
  return headers
}

async function spentSessionUser() {
  const headers = cookie(bench.newSession())
  await call('GET', '/api/repos', headers)
  bench.reached.length = 0
  return headers
}

const expectRefusal = async (response: Response, status: number, code: string) => {
  expect(response.status).toBe(status)
  expect(await response.json()).toMatchObject({ code })
  expect(response.headers.get('x-request-id')).toBeTruthy()
  expect(bench.reached).toHaveLength(0)
}

test('2 before 3: a malformed path is 400 even with a body that is too large', async () => {
  await expectRefusal(await call('POST', '/api/re%2Fpos', BAD_PAT, TOO_LARGE), 400, 'BAD_REQUEST')
})

test('3 before 4: a body that is too large is 413 even on an unknown path', async () => {
  await expectRefusal(await call('POST', '/api/nothing', BAD_PAT, TOO_LARGE), 413, 'BAD_REQUEST')
})

test('4 before 7: an unknown path is 404 whoever asks', async () => {
  await expectRefusal(await call('GET', '/api/nothing', BAD_PAT), 404, 'NOT_FOUND')
})

test('4 before 7: a known path with another method is 405 whoever asks, and says what is allowed', async () => {
  const response = await call('PUT', '/api/repos', BAD_PAT)
  expect(response.headers.get('allow')).toBe('DELETE, GET, HEAD, PATCH, POST')
  await expectRefusal(response, 405, 'BAD_REQUEST')
})

test('5 before 7: a preflight needs no credential, and a bad one does not matter', async () => {
  await expectRefusal(
    await call('OPTIONS', '/api/repos', { ...BAD_PAT, origin: 'https://evil.test' }),
    403,
    'FORBIDDEN',
  )
  const own = await call('OPTIONS', '/api/repos', { ...BAD_PAT, origin: PUBLIC_ORIGIN })
  expect(own.status).toBe(204)
})

test('7 before 8: a bad token is 401 although its address and everybody else may be over budget', async () => {
  await spentPat()
  const response = await call('GET', '/api/repos', BAD_PAT)
  expect(response.headers.get('www-authenticate')).toBe('Bearer realm="mogplex"')
  await expectRefusal(response, 401, 'UNAUTHORIZED')
})

test('8 before 9: a token over budget is 429 on a route that takes no tokens', async () => {
  await expectRefusal(await call('GET', '/api/settings/keys', await spentPat()), 429, 'RATE_LIMITED')
})

test('8 before 10: a token over budget is 429 although it lacks the scope', async () => {
  await expectRefusal(await call('POST', '/api/repos', await spentPat(['read'])), 429, 'RATE_LIMITED')
})

test('8 before 11: a session over budget is 429 although it comes from another site', async () => {
  const headers = { ...(await spentSessionUser()), origin: 'https://evil.test' }
  await expectRefusal(await call('POST', '/api/repos', headers), 429, 'RATE_LIMITED')
})

test('9 before 10: a read-only token on a session route is told about the mode, not the scope', async () => {
  const response = await call('PUT', '/api/settings/keys', pat(bench.newPat(['read'])))
  expect((await response.clone().json()).error).not.toContain('scope')
  await expectRefusal(response, 403, 'FORBIDDEN')
})

test('what is refused after step 8 has used up budget all the same', async () => {
  const headers = pat(bench.newPat(['read']))
  expect((await call('POST', '/api/repos', headers)).status).toBe(403)
  expect((await call('GET', '/api/repos', headers)).status).toBe(429)
})

test('every answer in the v1 tree has the v1 envelope, also for paths that are no paths', async () => {
  const cases: [Promise<Response>, number][] = [
    [call('GET', '/api/v1/mogplex/nothing'), 404],
    [call('DELETE', '/api/v1/mogplex/repos'), 405],
    [call('GET', '/api/v1/mogplex/re%2Fpos'), 400],
    [call('GET', '/api/v1/mogplex/repos'), 401],
    [call('POST', '/api/v1/mogplex/runs', {}, TOO_LARGE), 413],
  ]
  for (const [answer, status] of cases) {
    const response = await answer
    expect(response.status).toBe(status)
    expect(await response.json()).toEqual({
      ok: false,
      error: { code: expect.any(String), message: expect.any(String) },
    })
  }
  const climbing = await sendRaw(bench.port, 'GET /api/v1/mogplex/../x HTTP/1.1\r\nHost: h\r\n\r\n')
  expect(climbing.text).toContain('{"ok":false,"error":{"code":"BAD_REQUEST"')
})
