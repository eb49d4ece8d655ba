/** Requests that two parties could read differently, or that say they are somebody else's. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { sendRaw } from '../../gateway/test-bench/raw-http.ts'
import { type Account, call, OPEN_DOORS, PASSWORD, send, signUpWithToken } from '../system/accounts.ts'
import { type System, startSystem } from '../system/launch.ts'

setDefaultTimeout(120_000)

let system: System
let ada: Account
let workspace: string
beforeAll(async () => {
  system = await startSystem({ env: OPEN_DOORS })
  ada = await signUpWithToken(system)
  const json = { name: 'To be deleted by nobody' }
  workspace = (await call<{ id: string }>(system, 'POST', '/api/workspaces', { as: ada, json })).body.id
})
afterAll(async () => {
  // Whatever was tried, none of it was done.
  await call(system, 'GET', `/api/workspaces/${workspace}`, { as: ada })
  await system.stop()
})

const raw = (text: string) => sendRaw(system.port, text, { limitMs: 3_000 })
const answersIn = (text: string) => text.match(/HTTP\/1\.1 \d{3}/g) ?? []
const LINES = (token: string) => `Host: h\r\nAuthorization: Bearer ${token}\r\n`
/** Deletes, where somebody takes it for a request of its own. */
const hidden = () => `DELETE /api/workspaces/${workspace} HTTP/1.1\r\n${LINES(ada.token)}\r\n`

test.each([
  ['a length before chunks', 'Content-Length: 6\r\nTransfer-Encoding: chunked', '0\r\n\r\n'],
  ['chunks before a length', 'Transfer-Encoding: chunked\r\nContent-Length: 4', '0\r\n\r\n'],
  ['chunks twice', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity', '0\r\n\r\n'],
  ['chunks that are no chunks', 'Transfer-Encoding: xchunked', '0\r\n\r\n'],
  ['chunks behind another coding', 'Transfer-Encoding: gzip, chunked', '0\r\n\r\n'],
  ['chunks before another coding', 'Transfer-Encoding: chunked, identity', '0\r\n\r\n'],
  ['chunks in quotation marks', 'Transfer-Encoding: "chunked"', '0\r\n\r\n'],
  ['chunks behind a space before the colon', 'Transfer-Encoding : chunked', '0\r\n\r\n'],
  ['chunks in a folded line', 'Transfer-Encoding:\r\n chunked', '0\r\n\r\n'],
  ['chunks behind a vertical tab', 'Transfer-Encoding: \vchunked', '0\r\n\r\n'],
  ['two lengths', 'Content-Length: 0\r\nContent-Length: 40', ''],
  ['a list of lengths', 'Content-Length: 0, 0', ''],
  ['a length with a sign', 'Content-Length: +0', ''],
  ['a negative length', 'Content-Length: -1', ''],
  ['a length in another base', 'Content-Length: 0x0', ''],
  ['a length that overflows', `Content-Length: ${'9'.repeat(20)}`, ''],
  ['lines that end in a bare line feed', 'Content-Length: 0\nX: y', ''],
  ['a bare carriage return', 'X: y\rContent-Length: 40', ''],
  ['a NUL in a value', 'X: a\0b', ''],
  ['a second host', 'Host: evil.test', ''],
  ['a name that is none', 'X Y: z', ''],
])('a smuggler tries %s', async (_, lines, body) => {
  const { text, isClosed } = await raw(
    `POST /api/workspaces HTTP/1.1\r\n${LINES(ada.token)}${lines}\r\n\r\n${body}${hidden()}`,
  )
  expect([answersIn(text), isClosed]).toEqual([['HTTP/1.1 400'], true])
})

test.each([
  ['a chunk that is longer than it says', '1\r\nab\r\n0\r\n\r\n'],
  ['a chunk size with a sign', '+0\r\n\r\n'],
  ['a chunk size of another base', '0x0\r\n\r\n'],
  ['a chunk that ends in a bare line feed', '0\n\n'],
  ['a length among the trailers, malformed', '0\r\nContent-Length 40\r\n\r\n'],
])('a smuggler tries %s', async (_, chunks) => {
  const head = `POST /api/workspaces HTTP/1.1\r\n${LINES(ada.token)}Transfer-Encoding: chunked\r\n\r\n`
  const { text, isClosed } = await raw(head + chunks + hidden())
  expect([answersIn(text), isClosed]).toEqual([['HTTP/1.1 400'], true])
})

test.each([
  ['another server as the target', 'GET http://127.0.0.1/healthz HTTP/1.1', 400],
  ['a connection to somewhere', 'CONNECT 127.0.0.1:22 HTTP/1.1', 400],
  ['no path', 'GET * HTTP/1.1', 400],
  ['HTTP/0.9', 'GET /api/repos', 400],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0', 400],
  ['a method in small letters', 'get /api/repos HTTP/1.1', 405],
  ['TRACE', 'TRACE /api/repos HTTP/1.1', 405],
  ['a climb', 'GET /api/repos/../settings/keys HTTP/1.1', 400],
  ['an escaped climb', 'GET /api/repos/%2e%2e/settings/keys HTTP/1.1', 400],
  ['a climb behind an escaped slash', 'GET /api/repos/..%2fsettings%2fkeys HTTP/1.1', 400],
  ['a climb behind backslashes', 'GET /api/repos\\..\\settings HTTP/1.1', 400],
  ['a climb in overlong bytes', 'GET /api/repos/%c0%ae%c0%ae/settings HTTP/1.1', 400],
  ['a doubly escaped climb', 'GET /api/repos/%252e%252e/settings HTTP/1.1', 404],
  ['an empty segment', 'GET /api//repos HTTP/1.1', 400],
  ['a network path', 'GET //evil.test/api/repos HTTP/1.1', 400],
  ['a NUL in the path', 'GET /api/repos%00.js HTTP/1.1', 400],
  ['a line end in the path', 'GET /api/repos%0d%0aX:%20y HTTP/1.1', 400],
  ['parameters of a segment', 'GET /api/repos;a=b HTTP/1.1', 404],
  ['another case', 'GET /API/repos HTTP/1.1', 404],
  ['a name behind the path', 'GET /api/repos.json HTTP/1.1', 404],
  ['the way between services', 'POST /rpc/identity.pat.resolve HTTP/1.1', 404],
])('somebody without a credential tries %s', async (_, line, status) => {
  const answer = await raw(`${line}\r\nHost: h\r\n\r\n`)
  expect(answersIn(answer.text)).toEqual([`HTTP/1.1 ${status}`])
})

test.each([
  ['a field that says to delete', { 'x-http-method-override': 'DELETE' }, ''],
  ['another that says so', { 'x-method-override': 'DELETE' }, ''],
  ['a query that says to delete', {}, '?_method=DELETE'],
])('somebody tries to turn a read into a deletion by %s', async (_, headers, query) => {
  const path = `/api/workspaces/${workspace}${query}`
  expect((await send(system, 'GET', path, { as: ada, headers })).status).toBe(200)
  await call(system, 'GET', `/api/workspaces/${workspace}`, { as: ada })
})

test.each([
  ...['x-user-id', 'x-delegated-user-id', 'x-forwarded-user', 'x-mogplex-user-id', 'x-mogplex-identity'],
  ...['x_mogplex_identity', 'X-Mogplex-E2E-User-Id', 'nats-user', 'x-remote-user', 'x-authenticated-userid'],
])('somebody tries to be Ada by saying so in %s', async name => {
  const answer = await send(system, 'GET', '/api/repos', { headers: { [name]: ada.userId } })
  expect(answer.status).toBe(401)
})

test('a client tries to have the gateway’s own statement dropped as one for this hop only', async () => {
  const headers = { connection: 'x-mogplex-identity, x-mogplex-client-ip, x-request-id' }
  const bob = await signUpWithToken(system)
  const { body } = await call<{ id: string }[]>(system, 'GET', '/api/workspaces', { as: bob, headers })
  expect(JSON.stringify(body)).not.toContain(workspace)
})

test.each([
  ['x-forwarded-for', '203.0.113.7'],
  ['x-real-ip', '203.0.113.7'],
  ['forwarded', 'for=203.0.113.7'],
  ['x-mogplex-client-ip', '203.0.113.7'],
  ['true-client-ip', '203.0.113.7'],
])('somebody tries to come from elsewhere by %s', async (name, value) => {
  const json = { email: ada.email, password: PASSWORD }
  await call(system, 'POST', '/api/auth/sign-in/email', { json, headers: { [name]: value } })
  const { body } = await call(system, 'GET', '/api/auth/sessions', { as: { cookie: ada.cookie } })
  expect(JSON.stringify(body)).toContain('127.0.0.1')
  expect(JSON.stringify(body)).not.toContain('203.0.113.7')
})

test('a head of 100 KB ends the connection before it is whole', async () => {
  const { status, isClosed } = await raw(`GET /api/repos HTTP/1.1\r\nHost: h\r\nX: ${'x'.repeat(100_000)}`)
  expect([status, isClosed]).toEqual([431, true])
})

test('ten thousand fields end the connection before they are whole', async () => {
  const { status, isClosed } = await raw(`GET /api/repos HTTP/1.1\r\nHost: h\r\n${'A: b\r\n'.repeat(10_000)}`)
  expect([status, isClosed]).toEqual([431, true])
})
