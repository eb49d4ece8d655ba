/** What another site can make a signed-in browser do: nothing, and a link of ours leads nowhere else. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { sendRaw } from '../../gateway/test-bench/raw-http.ts'
import { type Account, call, OPEN_DOORS, PASSWORD, send, signUpWithToken } from '../system/accounts.ts'
import { type System, startSystem } from '../system/launch.ts'

setDefaultTimeout(120_000)

let system: System
let ada: Account
let browser: { cookie: string }
beforeAll(async () => {
  system = await startSystem({ env: OPEN_DOORS })
  ada = await signUpWithToken(system)
  browser = { cookie: ada.cookie }
})
afterAll(() => system.stop())

const own = () => `http://localhost:${system.port}`
const KEYS = '/api/settings/api-keys'
const countKeys = async () =>
  (await call<{ keys: unknown[] }>(system, 'GET', KEYS, { as: browser })).body.keys.length

/** Posts as a browser that was told to, on whatever terms; nothing may come of it. */
async function expectRefused(headers: Record<string, string>): Promise<void> {
  const before = await countKeys()
  const answer = await fetch(system.baseUrl + KEYS, {
    method: 'POST',
    headers: { ...browser, ...headers },
    body: JSON.stringify({ name: 'forged' }),
  })
  expect([answer.status, await countKeys()]).toEqual([403, before])
}

const JSON_TYPE = { 'content-type': 'application/json' }

test.each([
  ['another site', () => 'https://evil.test'],
  ['a site without an origin', () => 'null'],
  ['a site whose name begins like ours', () => `${own()}.evil.test`],
  ['a site whose name ends like ours', () => `http://evil-localhost:${system.port}`],
  ['our name with https', () => own().replace('http:', 'https:')],
  ['our name on another port', () => 'http://localhost:1'],
  ['our name after a user', () => `http://localhost:${system.port}@evil.test`],
  ['no origin at all, said as empty', () => ''],
])('a page of %s sends a form with the session', async (_, origin) => {
  await expectRefused({ ...JSON_TYPE, origin: origin() })
})

test.each([
  ['another site', () => 'https://evil.test/page'],
  ['a site that has ours in its path', () => `https://evil.test/${own()}/`],
  ['a site that has ours as its user', () => `http://localhost:${system.port}@evil.test/`],
  ['a place that is none', () => 'not a place'],
])('a page that hides its origin comes from %s', async (_, referer) => {
  await expectRefused({ ...JSON_TYPE, referer: referer() })
})

test.each(['cross-site', 'same-site', 'anything'])('a browser says that the page is %s', async site => {
  await expectRefused({ ...JSON_TYPE, 'sec-fetch-site': site })
})

test.each([
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'text/plain',
  'text/plain; application/json',
  'application/jsonp',
  '',
])('an old browser sends a form of %j', async type => {
  await expectRefused({ 'content-type': type })
})

test('a page sends two origins, ours among them', async () => {
  const before = await countKeys()
  const body = JSON.stringify({ name: 'forged' })
  const lines = `Host: h\r\nCookie: ${ada.cookie}\r\nOrigin: ${own()}\r\nOrigin: https://evil.test\r\n`
  const answer = await sendRaw(
    system.port,
    `POST ${KEYS} HTTP/1.1\r\n${lines}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  )
  expect([answer.status, await countKeys()]).toEqual([403, before])
})

test('another site makes somebody sign in to an account of its own', async () => {
  const json = { email: ada.email, password: PASSWORD }
  const headers = { origin: 'https://evil.test' }
  const answer = await send(system, 'POST', '/api/auth/sign-in/email', { json, headers })
  expect([answer.status, answer.headers.get('set-cookie')]).toEqual([403, null])
})

test('a picture on another site signs somebody out', async () => {
  const headers = { 'sec-fetch-site': 'cross-site' }
  await send(system, 'GET', '/api/auth/logout', { as: browser, headers })
  expect(await countKeys()).toBeGreaterThan(0)
})

test.each(['GET', 'OPTIONS'])('a page of another site reads an answer by %s', async method => {
  const headers = { origin: 'https://evil.test', 'access-control-request-method': 'GET' }
  const answer = await send(system, method, '/api/settings', { as: browser, headers })
  expect([...answer.headers.keys()].filter(name => name.startsWith('access-control-'))).toEqual([])
})

test('a page of another site puts a page of ours into a frame', async () => {
  const { headers } = await send(system, 'GET', '/settings/api-keys', { as: browser })
  expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
})

test('somebody plants a session that a person signs in to', async () => {
  const planted = 'p'.repeat(43)
  const json = { email: ada.email, password: PASSWORD }
  const as = { cookie: `mogplex_session=${planted}` }
  const { headers } = await call(system, 'POST', '/api/auth/sign-in/email', { as, json })
  expect(headers.get('set-cookie')).not.toContain(planted)
  expect((await send(system, 'GET', '/api/settings', { as })).status).toBe(401)
})

test('somebody plants a second cookie behind the first', async () => {
  const as = { cookie: `mogplex_session=${'p'.repeat(43)}; ${ada.cookie}` }
  expect((await send(system, 'GET', '/api/settings', { as })).status).toBe(401)
})

const ELSEWHERE = [
  ...['https://evil.test', '//evil.test', '///evil.test', '/\\evil.test', '\\\\evil.test', 'https:evil.test'],
  ...[
    '/\t/evil.test',
    '/%09/evil.test',
    '/%2F%2Fevil.test',
    '/%5Cevil.test',
    '/%5C%5Cevil.test',
    '/.//evil.test',
  ],
  ...[
    'javascript:alert(1)',
    ' //evil.test',
    '/\u2028/evil.test',
    '/\r\nSet-Cookie: a=b',
    '/%0d%0aSet-Cookie:a=b',
  ],
  ...[
    '/..//evil.test',
    '/\uff0fevil.test',
    '/\uff3cevil.test',
    '/@evil.test',
    'data:text/html,x',
    '/\0/evil.test',
  ],
]

test.each(ELSEWHERE)('a link to sign in leads on to %j', async next => {
  const { status, headers } = await send(system, 'GET', `/login?next=${encodeURIComponent(next)}`, {
    as: browser,
  })
  const location = headers.get('location') ?? ''
  expect([status, new URL(location, own()).origin, headers.get('set-cookie')]).toEqual([302, own(), null])
  const form = await send(system, 'GET', `/login?next=${encodeURIComponent(next)}`)
  const field = /name="next" value="([^"]*)"/.exec(await form.text())?.[1] ?? ''
  expect([form.status, new URL(field, own()).origin]).toEqual([200, own()])
})

test.each([
  ['/caf\u00e9', '/caf%C3%A9'],
  ['/\u65e5\u672c?q=\u00fc', '/%E6%97%A5%E6%9C%AC?q=%C3%BC'],
  ['/\u{1f600}', '/%F0%9F%98%80'],
])('a link to sign in leads on to %j, which is a page of ours', async (next, location) => {
  const path = `/login?next=${encodeURIComponent(next)}`
  const { status, headers } = await send(system, 'GET', path, { as: browser })
  expect([status, headers.get('location')]).toEqual([302, location])
  expect((await send(system, 'GET', path)).status).toBe(200)
})

test.each([
  '/login?next=/\xe9',
  '/login?next=/%ff%fe',
  '/login?next=%ed%a0%80',
  '/?next=\xff\xfe',
  '/cli-auth?name=\xe9',
])('a link holds bytes that are no text: %j', async target => {
  for (const cookie of [`Cookie: ${ada.cookie}\r\n`, '']) {
    const answer = await sendRaw(system.port, `GET ${target} HTTP/1.1\r\nHost: h\r\n${cookie}\r\n`)
    expect(answer.status).toBeOneOf([200, 302, 400])
    expect(answer.text).not.toMatch(/^location: (?!\/[^/\\])/im)
  }
})

test.each([
  ...['http://evil.test:8080/', 'http://127.0.0.1.evil.test:8080/', 'http://localhost:45454@evil.test/'],
  ...['https://localhost:45454/', 'http://127.1:45454/', 'http://0x7f.1:45454/', 'http://localhost:80/'],
  ...['http://localhost:45454/?a=b', 'http://localhost:45454/#a', 'http://localhost:45454\\@evil.test/'],
])('a link asks for a token to be taken to %j', async callback => {
  const path = `/cli-auth?callback=${encodeURIComponent(callback)}&nonce=${'n'.repeat(16)}`
  expect((await send(system, 'GET', path, { as: browser })).status).toBe(400)
})
