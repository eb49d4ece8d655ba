/** What the client gets is what the service said (gateway spec 9–11). Real upstream servers. */
import { afterAll, beforeEach, expect, test } from 'bun:test'
import { useGateway } from '../test-bench/gateway.ts'
import { sendRaw } from '../test-bench/raw-http.ts'

const GZIPPED = Bun.gzipSync('hello '.repeat(100))

const answers: Record<string, () => Response> = {
  gzip: () =>
    new Response(GZIPPED, { headers: { 'content-encoding': 'gzip', 'content-type': 'text/plain' } }),
  redirect: () => new Response(null, { status: 302, headers: { location: 'https://elsewhere.test/x' } }),
  'not-modified': () => new Response(null, { status: 304, headers: { etag: '"1"' } }),
  'no-content': () => new Response(null, { status: 204 }),
  cookies: () => {
    const headers = new Headers({ 'content-type': 'text/plain' })
    headers.append('set-cookie', 'a=1; Path=/')
    headers.append('set-cookie', 'b=2; Expires=Wed, 21 Oct 2045 07:28:00 GMT')
    return new Response('x', { headers })
  },
  'signed-out': () => new Response('{}', { headers: { 'set-cookie': 'mogplex_session=; Max-Age=0' } }),
  'json-error': () => Response.json({ error: 'no', code: 'CONFLICT', extra: 1 }, { status: 409 }),
  'json-503': () => Response.json({ error: 'away' }, { status: 503, headers: { 'retry-after': '7' } }),
  'html-502': () =>
    new Response('<h1>nginx on host-7</h1>', { status: 502, headers: { 'content-type': 'text/html' } }),
  'own-cache': () => new Response('x', { headers: { 'cache-control': 'private, max-age=5' } }),
  'hop-by-hop': () =>
    new Response('x', {
      headers: { connection: 'x-internal', 'x-internal': 'secret', 'keep-alive': 'timeout=5', 'x-kept': '1' },
    }),
  big: () => new Response('y'.repeat(200_000)),
  plain: () => new Response('hello', { headers: { 'content-type': 'text/plain', etag: '"e"' } }),
}

const bench = await useGateway({
  upstream: request => {
    const name = new URL(request.url).searchParams.get('as') ?? ''
    return answers[name]?.() ?? new Response('x')
  },
})
afterAll(() => bench[Symbol.asyncDispose]())
beforeEach(() => {
  bench.reached.length = 0
})

const authorization = `Bearer ${bench.newPat()}`
const get = (as: string, init: RequestInit & { decompress?: boolean } = {}) =>
  fetch(`${bench.url}/api/repos?as=${as}`, {
    redirect: 'manual',
    ...init,
    headers: { authorization, ...init.headers },
  })

test('a compressed body passes untouched, with its length', async () => {
  const response = await get('gzip', { decompress: false })
  expect(response.headers.get('content-encoding')).toBe('gzip')
  expect(response.headers.get('content-length')).toBe(String(GZIPPED.byteLength))
  expect(Buffer.from(await response.arrayBuffer()).equals(Buffer.from(GZIPPED))).toBe(true)
})

test('the service is offered the encodings the client takes, and none the client did not', async () => {
  await sendRaw(bench.port, `GET /api/repos HTTP/1.1\r\nHost: h\r\nAuthorization: ${authorization}\r\n\r\n`)
  expect(bench.reached[0]?.headers.get('accept-encoding')).toBe('identity')
  expect(bench.reached[0]?.headers.get('user-agent') ?? '').toBe('')
  await get('gzip', { headers: { 'accept-encoding': 'br', 'user-agent': 'cli/1' } })
  expect(bench.reached[1]?.headers.get('accept-encoding')).toBe('br')
  expect(bench.reached[1]?.headers.get('user-agent')).toBe('cli/1')
})

test.each(['plain', 'gzip', 'big'])('HEAD of %s: no body, the length a GET would have', async as => {
  const text = `HEAD /api/repos?as=${as} HTTP/1.1\r\nHost: h\r\nAuthorization: ${authorization}\r\n\r\n`
  const { text: head } = await sendRaw(bench.port, text)
  const length = { plain: 5, gzip: GZIPPED.byteLength, big: 200_000 }[as]
  expect(head).toMatch(new RegExp(`content-length: ${length}\r\n`, 'i'))
  expect(head).toEndWith('\r\n\r\n')
  expect(head.match(/content-length/gi)).toHaveLength(1)
  expect(bench.reached[0]?.method).toBe('HEAD')
})

test('a redirect is told, not followed', async () => {
  const response = await get('redirect')
  expect(response.status).toBe(302)
  expect(response.headers.get('location')).toBe('https://elsewhere.test/x')
  expect(bench.reached).toHaveLength(1)
})

test.each([
  ['not-modified', 304],
  ['no-content', 204],
])('%s comes without a body, and the connection stays', async (as, status) => {
  const head = `GET /api/repos?as=${as} HTTP/1.1\r\nHost: h\r\nAuthorization: ${authorization}\r\n\r\n`
  const answer = await sendRaw(bench.port, head)
  expect(answer.status).toBe(status)
  expect(answer.text).toEndWith('\r\n\r\n')
  expect(answer.text.toLowerCase()).not.toContain('transfer-encoding')
  expect(answer.isClosed).toBe(false)
})

test('several cookies stay several', async () => {
  expect((await get('cookies')).headers.getSetCookie()).toEqual([
    'a=1; Path=/',
    'b=2; Expires=Wed, 21 Oct 2045 07:28:00 GMT',
  ])
})

test("the service's word on the session cookie is final", async () => {
  const cookie = `mogplex_session=${bench.newSession('mogplex_session=rotated; Path=/')}`
  const response = await fetch(`${bench.url}/api/repos?as=signed-out`, { headers: { cookie } })
  expect(response.headers.getSetCookie()).toEqual(['mogplex_session=; Max-Age=0'])
})

test('an answer of a service passes unchanged, errors in JSON too', async () => {
  const conflict = await get('json-error')
  expect([conflict.status, await conflict.json()]).toEqual([409, { error: 'no', code: 'CONFLICT', extra: 1 }])
  const away = await get('json-503')
  expect([away.status, await away.json(), away.headers.get('retry-after')]).toEqual([
    503,
    { error: 'away' },
    '7',
  ])
})

test('a server error that is not JSON tells nothing of itself', async () => {
  const response = await get('html-502')
  expect(response.status).toBe(500)
  expect(await response.json()).toEqual({ error: 'Internal error', code: 'INTERNAL_ERROR' })
  const v1 = await fetch(`${bench.url}/api/v1/mogplex/repos?as=html-502`, { headers: { authorization } })
  expect(await v1.json()).toEqual({ ok: false, error: { code: 'INTERNAL_ERROR', message: 'Internal error' } })
})

test('every API answer says not to be stored, unless the service says otherwise', async () => {
  expect((await get('plain')).headers.get('cache-control')).toBe('no-store')
  expect((await get('own-cache')).headers.get('cache-control')).toBe('private, max-age=5')
  expect((await get('plain')).headers.get('x-content-type-options')).toBe('nosniff')
  const refused = await fetch(`${bench.url}/api/repos`)
  expect(refused.headers.get('cache-control')).toBe('no-store')
})

test('what is for one hop only stays there', async () => {
  const response = await get('hop-by-hop')
  expect(response.headers.get('x-internal')).toBeNull()
  expect(response.headers.get('keep-alive')).toBeNull()
  expect(response.headers.get('x-kept')).toBe('1')
})

test('the request id is kept where it is harmless, and the service sees the same one', async () => {
  const kept = await get('plain', { headers: { 'x-request-id': 'client-id.1_2' } })
  expect(kept.headers.get('x-request-id')).toBe('client-id.1_2')
  expect(bench.reached[0]?.headers.get('x-request-id')).toBe('client-id.1_2')
  for (const bad of ['short', 'x'.repeat(129), 'spaces in it']) {
    const replaced = await get('plain', { headers: { 'x-request-id': bad } })
    expect(replaced.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
  }
})

test('nothing the client says about itself reaches a service', async () => {
  const forged = {
    'x-mogplex-identity': 'forged',
    'x-mogplex-client-ip': '1.1.1.1',
    'x-mogplex-e2e-auth': 'x',
    'X-Mogplex-Anything': 'x',
    'x-user-id': 'root',
    'x-delegated-user-id': 'root',
    'x-forwarded-user': 'root',
    'x-forwarded-for': '1.1.1.1',
    'x-forwarded-host': 'evil.test',
    'x-real-ip': '1.1.1.1',
    forwarded: 'for=1.1.1.1',
    'nats-msg-id': '1',
    cookie: 'mogplex_oauth_state=1; other=2',
    te: 'trailers',
    'proxy-authorization': 'Basic x',
  }
  const lines = Object.entries(forged).map(([name, value]) => `${name}: ${value}\r\n`)
  await sendRaw(
    bench.port,
    `GET /api/repos HTTP/1.1\r\nHost: h\r\nAuthorization: ${authorization}\r\nConnection: keep-alive, x-hop\r\n` +
      `x-hop: 1\r\nx-kept: 1\r\n${lines.join('')}\r\n`,
  )
  const { headers } = bench.reached[0] ?? { headers: new Headers() }
  const allowed = [
    'accept',
    'accept-encoding',
    'connection',
    'host',
    'user-agent',
    'x-kept',
    'x-mogplex-client-ip',
    'x-mogplex-identity',
    'x-request-id',
  ]
  expect([...headers.keys()].filter(name => !allowed.includes(name))).toEqual([])
  expect(headers.get('x-mogplex-client-ip')).toBe('127.0.0.1')
  expect(headers.get('x-mogplex-identity')).toMatch(/^ey/)
  expect(headers.get('x-kept')).toBe('1')
})

test('the state cookie of a GitHub sign-in goes to identity, and no other cookie does', async () => {
  await fetch(`${bench.url}/api/auth/providers`, {
    headers: { cookie: 'a=1; mogplex_oauth_state=s; mogplex_session=x' },
  })
  expect(bench.reached[0]?.headers.get('cookie')).toBe('mogplex_oauth_state=s')
})
