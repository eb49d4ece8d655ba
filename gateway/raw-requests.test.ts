/** Requests no client library would send (gateway spec 1, step 2; 2; 9), written to the socket by hand. */
import { afterAll, beforeEach, expect, test } from 'bun:test'
import { useGateway } from './test-bench/gateway.ts'
import { type RawOptions, sendRaw } from './test-bench/raw-http.ts'

const bench = await useGateway()
afterAll(() => bench[Symbol.asyncDispose]())
beforeEach(() => {
  bench.reached.length = 0
})

const token = bench.newPat()
const AUTHORIZED = `Host: h\r\nAuthorization: Bearer ${token}\r\n`
const get = (target: string, headers = AUTHORIZED) =>
  sendRaw(bench.port, `GET ${target} HTTP/1.1\r\n${headers}\r\n`)

test.each([
  '/api/x/../repos',
  '/api/./repos',
  '/../api/repos',
  '/api/repos/..',
  '/api/repos/.',
  '/api/x/%2e%2e/repos',
  '/api/%2E./repos',
  '/api//repos',
  '//api/repos',
  '/api/repos//',
  '/x//../api/repos',
  '/x/..//api/repos',
  '/api\\repos',
  '/x\\..\\api/repos',
  '/api%2Frepos',
  '/api/repos%2F..',
  '/api%5Crepos',
  '/api/repos%00',
  '/api/repos%0d%0a',
  '/api/repos%zz',
  '/api/repos%',
  '/api/repos/%ff',
  '/api/repos#x',
  '/api/repos%23',
])('%s is refused before anything else is looked at', async target => {
  const answer = await get(target)
  expect(answer.status).toBe(400)
  expect(bench.reached).toHaveLength(0)
})

test.each(['/api/repos/', '/api/%72epos', '/api/repos?a=/../b&c=%00'])('%s is served', async target => {
  expect((await get(target)).status).toBe(200)
  expect(new URL(bench.reached[0]?.url ?? '').pathname).toBe('/api/repos')
})

test('the query reaches the service byte for byte', async () => {
  await get('/api/repos?q=%2e%2e/%00&&x=a+b%zz')
  expect(bench.reached[0]?.url).toEndWith('/api/repos?q=%2e%2e/%00&&x=a+b%zz')
})

test('an encoded percent stays encoded', async () => {
  await get('/api/repos/%252e%252e')
  expect(new URL(bench.reached[0]?.url ?? '').pathname).toBe('/api/repos/%252e%252e')
})

test.each(['/api/Repos', '/api/reposx', '/api', '/api/repos/a/b/c', `/${'a/'.repeat(40)}a`])(
  '%s is unknown',
  async target => {
    expect((await get(target)).status).toBe(404)
  },
)

test('two Authorization headers are refused, in either order', async () => {
  for (const other of [`Bearer ${bench.newPat()}`, 'Basic dXNlcjpwYXNz', 'mog_x', '']) {
    const first = `Authorization: Bearer ${token}\r\n`
    const second = `Authorization: ${other}\r\n`
    expect((await get('/api/repos', `Host: h\r\n${first}${second}`)).status).toBe(400)
    expect((await get('/api/repos', `Host: h\r\n${second}${first}`)).status).toBe(400)
  }
  expect(bench.reached).toHaveLength(0)
})

const post = (headers: string, body: string, options?: RawOptions) =>
  sendRaw(bench.port, `POST /api/repos HTTP/1.1\r\n${AUTHORIZED}${headers}\r\n${body}`, options)

test.each([
  ['two lengths', 'Content-Length: 3\r\nContent-Length: 5\r\n', 'abcde'],
  ['the same length twice', 'Content-Length: 3\r\nContent-Length: 3\r\n', 'abc'],
  ['a length list', 'Content-Length: 3, 3\r\n', 'abc'],
  ['length and chunks', 'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n', '3\r\nabc\r\n0\r\n\r\n'],
  ['another encoding', 'Transfer-Encoding: gzip, chunked\r\n', '3\r\nabc\r\n0\r\n\r\n'],
  ['a hidden encoding', 'Transfer-Encoding: xchunked\r\n', '3\r\nabc\r\n0\r\n\r\n'],
  ['a negative length', 'Content-Length: -3\r\n', 'abc'],
  ['a signed length', 'Content-Length: +3\r\n', 'abc'],
  ['a folded header', 'X-A: 1\r\n b\r\n', ''],
  ['a bare LF', 'X-A: 1\nX-B: 2\r\n', ''],
  ['a bare CR', 'X-A: 1\rX-B: 2\r\n', ''],
  ['a NUL', 'X-A: 1\u0000\r\n', ''],
  ['no colon', 'X-A\r\n', ''],
  ['no name', ': 1\r\n', ''],
  ['a second Host', 'Host: evil.test\r\n', ''],
  ['a length in hex', 'Content-Length: 0x3\r\n', 'abc'],
  ['an empty length', 'Content-Length:\r\n', 'abc'],
  ['chunked twice', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'],
  ['a space before the colon', 'X-A : 1\r\n', ''],
])('%s: refused', async (_, headers, body) => {
  expect((await post(headers, body)).status).toBe(400)
  expect(bench.reached).toHaveLength(0)
})

test.each([
  ['chunks that are none', 'x\r\nabc\r\n0\r\n\r\n'],
  ['a chunk longer than it says', '2\r\nabc\r\n0\r\n\r\n'],
  ['a chunk size with a sign', '+3\r\nabc\r\n0\r\n\r\n'],
  ['chunk lines without CR', '3\nabc\n0\n\n'],
])('%s: refused, and what follows is never looked at', async (_, body) => {
  const hidden = `GET /healthz HTTP/1.1\r\n${AUTHORIZED}\r\n`
  const answer = await post('Transfer-Encoding: chunked\r\n', body + hidden, { untilClosed: true })
  expect([answer.status, answer.isClosed]).toEqual([400, true])
  expect(answer.text.match(/HTTP\/1\.1/g)).toHaveLength(1)
  expect(bench.reached).toHaveLength(0)
})

test('a request without a Host is refused, unless it is of HTTP/1.0', async () => {
  expect((await get('/healthz', '')).status).toBe(400)
  expect((await sendRaw(bench.port, 'GET /healthz HTTP/1.0\r\n\r\n')).status).toBe(200)
})

test('lines that end without CR are refused before the head is whole', async () => {
  expect((await sendRaw(bench.port, 'GET /healthz HTTP/1.1\nHost: h\n\n')).status).toBe(400)
})

test('what follows a refused request is never looked at', async () => {
  const hidden = `GET /api/repos HTTP/1.1\r\n${AUTHORIZED}\r\n`
  const answer = await post('Content-Length: 3\r\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${hidden}`, {
    untilClosed: true,
  })
  expect([answer.status, answer.isClosed]).toEqual([400, true])
  expect(answer.text.match(/HTTP\/1\.1/g)).toHaveLength(1)
  expect(bench.reached).toHaveLength(0)
})

test('headers beyond all measure are refused', async () => {
  const answer = await get('/api/repos', `${AUTHORIZED}X-A: ${'a'.repeat(100_000)}\r\n`)
  expect(answer.status).toBe(431)
})

test.each([
  ['CONNECT h:443', 400],
  ['CONNECT h', 400],
  ['CONNECT http://evil.test/api/repos', 400],
  ['CONNECT http://evil.test:443', 400],
  ['CONNECT /api/repos', 405],
  ['TRACE /api/repos', 405],
  ['PROPFIND /api/repos', 405],
  ['GET *', 400],
  ['OPTIONS *', 400],
  ['GET evil.test/api/repos', 400],
  ['GET ftp://evil.test/api/repos', 400],
  ['GET file:///api/repos', 400],
  ['GET http:/api/repos', 400],
])('%s goes nowhere: %d', async (line, status) => {
  const answer = await sendRaw(bench.port, `${line} HTTP/1.1\r\n${AUTHORIZED}\r\n`)
  expect(answer.status).toBe(status)
  expect(bench.reached).toHaveLength(0)
})

test.each([
  'http://evil.test/api/repos',
  'https://evil.test:8443/api/repos',
  'HTTP://user:password@evil.test/api/repos',
  'http:///api/repos',
  'http://evil.test\\api\\repos',
  'http://evil.test',
  'http://evil.test?/api/repos',
])('%s is another server’s business, and refused', async target => {
  expect((await get(target)).status).toBe(400)
  expect(bench.reached).toHaveLength(0)
})

test('an unheard-of method is not allowed', async () => {
  const answer = await sendRaw(bench.port, `FOO /api/repos HTTP/1.1\r\n${AUTHORIZED}\r\n`)
  expect([answer.status, answer.isClosed]).toEqual([405, false])
  expect(bench.reached).toHaveLength(0)
})

test('the Host header decides nothing', async () => {
  for (const host of ['evil.test', 'a b/../q', 'evil/x?', '']) {
    const answer = await get('/api/repos', `Host: ${host}\r\nAuthorization: Bearer ${token}\r\n`)
    if (answer.status !== 400) expect(answer.status).toBe(200)
  }
  for (const request of bench.reached) expect(new URL(request.url).pathname).toBe('/api/repos')
})
