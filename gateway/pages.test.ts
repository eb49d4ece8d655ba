/** Gateway spec 3, 10, 11 for the paths that people open in a browser. */
import { afterAll, beforeEach, expect, test } from 'bun:test'
import { contentSecurityPolicy, pageResponse, renderErrorPage, renderPage } from '@mogplex/kit/pages/page.ts'
import type { Route } from '@mogplex/proto/routes.ts'
import { PUBLIC_ORIGIN, useGateway } from './test-bench/gateway.ts'

const row = (path: string, rest: Partial<Route> = {}): Route => ({
  ...{ method: 'GET', path, service: 'identity', access: 'session', scope: null, redirectsToLogin: true },
  ...rest,
})
let answer = () => pageResponse(renderPage({ title: 'One', body: 'a page' }))
const bench = await useGateway({
  routes: [row('/account/:id'), row('/api/auth/somewhere')],
  upstream: () => answer(),
})
afterAll(() => bench[Symbol.asyncDispose]())
beforeEach(() => {
  bench.reached.length = 0
  answer = () => pageResponse(renderPage({ title: 'One', body: 'a page' }))
})

type Sent = Record<string, string>
const open = (path: string, headers: Sent = {}, method = 'GET') =>
  fetch(bench.url + path, { method, headers: { accept: 'text/html,*/*', ...headers }, redirect: 'manual' })
const session = () => ({ cookie: `mogplex_session=${bench.newSession()}` })
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

test('302 to the login for whoever has no session, with path and query encoded once', async () => {
  const without: Sent[] = [{}, { cookie: 'mogplex_session=garbage' }, bearer('sk-no-token-of-ours')]
  for (const headers of without) {
    const response = await open('/account/a%20b?callback=http%3A%2F%2Flocalhost%3A1%2Fx&n=1', headers)
    expect(response.status).toBe(302)
    expect(response.headers.get('location')).toBe(
      `/login?next=${encodeURIComponent('/account/a%20b?callback=http%3A%2F%2Flocalhost%3A1%2Fx&n=1')}`,
    )
  }
  expect((await open('/api/auth/somewhere')).headers.get('location')).toBe(
    '/login?next=%2Fapi%2Fauth%2Fsomewhere',
  )
  expect(bench.reached).toEqual([])
})

test('a reader who comes from a page of ours is told that the session expired', async () => {
  const from = async (referer: string) => (await open('/account/1', { referer })).headers.get('location')
  expect(await from(`${PUBLIC_ORIGIN}/account/0`)).toBe('/login?expired=true&next=%2Faccount%2F1')
  for (const referer of ['https://evil.test/', `${PUBLIC_ORIGIN}.evil.test/`, 'no url', '']) {
    expect(await from(referer)).toBe('/login?next=%2Faccount%2F1')
  }
})

test('a token is no session: 403 for a good one and 401 for a bad one, as pages', async () => {
  for (const [token, status] of [
    [bench.newPat(), 403],
    ['mog_short', 401],
  ] as const) {
    const response = await open('/account/1', { ...bearer(token), ...session() })
    expect([response.status, response.headers.get('content-type')]).toEqual([
      status,
      'text/html; charset=utf-8',
    ])
    expect(await response.text()).toContain(`<p class="status">${status}</p>`)
  }
  expect((await (await open('/api/auth/somewhere', bearer(bench.newPat()))).json()).code).toBe('FORBIDDEN')
})

test('a page carries what keeps it from being framed, sniffed, kept and told about', async () => {
  for (const response of [await open('/account/1', session()), await open('/account/1/2')]) {
    const { headers } = response
    expect(headers.get('content-security-policy')).toBe(contentSecurityPolicy())
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
    expect(headers.get('referrer-policy')).toBe('no-referrer')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('cache-control')).toBe('no-store')
  }
})

test("a service's own policy stays", async () => {
  const policy = contentSecurityPolicy(['http://localhost:4545'])
  answer = () =>
    pageResponse(renderPage({ title: 'One', body: '' }), { headers: { 'content-security-policy': policy } })
  const response = await open('/account/1', session())
  expect(response.headers.get('content-security-policy')).toBe(policy)
})

test("a service's error page arrives with its status; what is no page does not", async () => {
  answer = () => pageResponse(renderErrorPage(503, 'Not now.'), { status: 503 })
  const told = await open('/account/1', session())
  expect([told.status, await told.text()]).toEqual([503, expect.stringContaining('Not now.')])
  answer = () => new Response('stack trace', { status: 500, headers: { 'content-type': 'text/plain' } })
  const failed = await open('/account/1', session())
  expect(failed.status).toBe(500)
  expect(await failed.text()).not.toContain('stack trace')
})

test('404 for an unknown path: a page for browsers, JSON for programs; 405 on a page is a page', async () => {
  const unknown = await open('/nothing/here')
  expect([unknown.status, (await unknown.text()).slice(0, 15)]).toEqual([404, '<!doctype html>'])
  const program = await open('/nothing/here', { accept: 'application/json' })
  expect([program.status, (await program.json()).code]).toEqual([404, 'NOT_FOUND'])
  const posted = await open('/account/1', {}, 'POST')
  expect([posted.status, posted.headers.get('allow'), (await posted.text()).slice(0, 15)]).toEqual([
    ...[405, 'GET, HEAD'],
    '<!doctype html>',
  ])
})

test('the stylesheet is there whatever services are, and kept by its version', async () => {
  const page = await (await open('/nothing')).text()
  const [, path = ''] = /href="(\/assets\/mogplex\.css\?v=\w+)"/.exec(page) ?? []
  const sheet = await open(path)
  expect([sheet.status, sheet.headers.get('content-type')]).toEqual([200, 'text/css; charset=utf-8'])
  expect(sheet.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
  expect(bench.reached).toEqual([])
})
