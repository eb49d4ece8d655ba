/** The gateway's own routes, its logs and its end (gateway spec 4 "System", 8, 10). */
import { afterAll, expect, test } from 'bun:test'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { PUBLIC_ORIGIN, useGateway } from './test-bench/gateway.ts'

const bench = await useGateway()
afterAll(() => bench[Symbol.asyncDispose]())

test('it is healthy while it runs, and ready when every service is', async () => {
  const health = await fetch(`${bench.url}/healthz`)
  expect([health.status, await health.json()]).toEqual([200, { status: 'ok' }])
  const ready = await fetch(`${bench.url}/readyz`)
  expect([ready.status, await ready.json()]).toEqual([200, { status: 'ok' }])
  expect((await fetch(`${bench.url}/healthz`, { method: 'POST' })).status).toBe(405)
})

test('it names the services that do not answer', async () => {
  await using other = await useGateway({ settings: { RUNTIME_URL: 'http://127.0.0.1:1' } })
  const ready = await fetch(`${other.url}/readyz`)
  expect([ready.status, await ready.json()]).toEqual([503, { status: 'unavailable', services: ['runtime'] }])
})

test('a preflight from our own pages is allowed, from elsewhere not', async () => {
  const preflight = (origin: string, path = '/api/repos') =>
    fetch(bench.url + path, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST' },
    })
  const own = await preflight(PUBLIC_ORIGIN)
  expect(own.status).toBe(204)
  expect(own.headers.get('access-control-allow-origin')).toBe(PUBLIC_ORIGIN)
  expect(own.headers.get('access-control-allow-methods')).toContain('POST')
  expect(own.headers.get('access-control-allow-headers')).toBe('authorization, content-type, idempotency-key')
  expect(own.headers.get('vary')).toBe('origin')
  expect(own.headers.get('access-control-allow-credentials')).toBeNull()
  const foreign = await preflight('https://evil.test')
  expect(foreign.status).toBe(403)
  expect(foreign.headers.get('vary')).toBe('origin')
  expect([...foreign.headers.keys()].filter(name => name.startsWith('access-control'))).toEqual([])
  expect((await preflight(PUBLIC_ORIGIN, '/api/nothing')).status).toBe(404)
})

test('OPTIONS without an origin tells the methods and is no 405', async () => {
  const response = await fetch(`${bench.url}/api/v1/mogplex/runs`, { method: 'OPTIONS' })
  expect([response.status, response.headers.get('allow')]).toEqual([204, 'POST'])
})

test('the access log has what is needed and nothing that is secret', async () => {
  const token = bench.newPat()
  await fetch(`${bench.url}/api/repos/secret-id?q=secret-query`, {
    headers: {
      authorization: `Bearer ${token}`,
      'x-request-id': 'logged-request',
      cookie: 'c=secret-cookie',
    },
  })
  await fetch(`${bench.url}/secret-path`, { headers: { 'x-request-id': 'unknown-path' } })
  const lineOf = (rid: string) => bench.accessLog().find(line => line.rid === rid)
  await waitUntil(() => lineOf('unknown-path') !== undefined, { limitMs: 20_000 })
  expect(lineOf('logged-request')).toMatchObject({
    event: 'http.request',
    method: 'GET',
    route: '/api/repos/:id',
    status: 200,
    amr: 'pat',
    userId: 'user-1',
    keyId: expect.any(String),
    clientIp: '127.0.0.1',
    ms: expect.any(Number),
  })
  expect(lineOf('unknown-path')).toMatchObject({ route: null, status: 404, amr: null })
  expect(JSON.stringify(bench.accessLog())).not.toMatch(new RegExp(`secret|${token}`))
})

test('the address of the client is taken from a trusted proxy only', async () => {
  await using trusting = await useGateway({ settings: { TRUSTED_PROXIES: '127.0.0.0/8' } })
  const headers = { 'x-forwarded-for': '1.1.1.1, 203.0.113.9' }
  await fetch(`${trusting.url}/api/auth/providers`, { headers })
  await fetch(`${bench.url}/api/auth/providers`, { headers })
  expect(trusting.reached[0]?.headers.get('x-mogplex-client-ip')).toBe('203.0.113.9')
  expect(bench.reached.at(-1)?.headers.get('x-mogplex-client-ip')).toBe('127.0.0.1')
})

test('stopping lets requests finish, ends event streams in order and takes no new ones', async () => {
  let release: () => void = () => undefined
  const released = new Promise<void>(resolve => {
    release = resolve
  })
  await using ending = await useGateway({
    upstream: async request => {
      if (request.url.includes('/events')) {
        const body = new ReadableStream({ start: controller => controller.enqueue('id: 1\n\n') })
        return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
      }
      await released
      return Response.json({ finished: true })
    },
  })
  const headers = { authorization: `Bearer ${ending.newPat()}` }
  const slow = fetch(`${ending.url}/api/repos`, { headers })
  const stream = await fetch(`${ending.url}/api/v1/mogplex/runs/r/events`, { headers })
  await waitUntil(() => ending.reached.length === 2, { limitMs: 20_000 })
  const stopped = ending.stopGateway()
  expect(await stream.text()).toBe('id: 1\n\n')
  await expect(fetch(`${ending.url}/healthz`, { headers: { connection: 'close' } })).rejects.toThrow()
  release()
  expect(await (await slow).json()).toEqual({ finished: true })
  await stopped
})
