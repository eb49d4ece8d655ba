/** Gateway spec 3: deliveries whose signature the owner checks, and names that once were routes. */
import { afterAll, beforeEach, expect, test } from 'bun:test'
import { createAssertionVerifier } from '@mogplex/kit/assertion/verifier.ts'
import type { Method, Route } from '@mogplex/proto/routes.ts'
import { GATEWAY_ISSUER } from '@mogplex/proto/services.ts'
import { useGateway } from './test-bench/gateway.ts'

const row = (method: Method, path: string, rest: Partial<Route>): Route => ({
  ...{ method, path, service: 'projects', access: 'webhook', scope: null },
  ...rest,
})
const routes = [
  row('POST', '/api/webhooks/github', { maxBodyBytes: 4_000_000 }),
  row('POST', '/api/webhooks/flows/:id', { maxBodyBytes: 1_000 }),
  row('GET', '/api/waitlist', { access: 'gone' }),
  row('POST', '/api/waitlist', { access: 'gone' }),
  row('GET', '/api/repos/invites', { access: 'gone' }),
]
const bodies: Uint8Array[] = []
const bench = await useGateway({
  routes,
  settings: { RATE_LIMIT_ANON: '1/60', RATE_LIMIT_PAT: '1/60' },
  upstream: async request => {
    bodies.push(await request.bytes())
    return Response.json({ ok: true })
  },
})
afterAll(() => bench[Symbol.asyncDispose]())
beforeEach(() => {
  bench.reached.length = bench.asked.length = bodies.length = 0
})

const HOOK = '/api/webhooks/github'
const deliver = (headers: Record<string, string> = {}, body: BodyInit = '{}', path = HOOK) =>
  fetch(bench.url + path, { method: 'POST', headers, body })
const pat = (token: string) => ({ authorization: `Bearer ${token}` })

test('a delivery arrives byte for byte, with its signature', async () => {
  const body = new Uint8Array([0xef, 0xbb, 0xbf, 0x7b, 0x20, 0xff, 0x00, 0x0d, 0x0a, 0x7d])
  const headers = { 'content-type': 'application/json', 'x-hub-signature-256': 'sha256=00' }
  expect((await deliver(headers, body)).status).toBe(200)
  expect(bodies[0]).toEqual(body)
  expect(bench.reached[0]?.headers.get('x-hub-signature-256')).toBe('sha256=00')
  expect(bench.reached[0]?.headers.get('content-type')).toBe('application/json')
})

test('credentials do not count: neither good nor bad ones are looked at, or passed on', async () => {
  const session = { cookie: `mogplex_session=${bench.newSession()}`, origin: 'https://evil.test' }
  const two = { authorization: 'Bearer mog_a, Bearer mog_b' }
  for (const headers of [{}, pat('mog_short'), pat(bench.newPat()), pat('sk-x'), session, two])
    expect((await deliver(headers)).status).toBe(200)
  expect(bench.asked).toEqual([])
  for (const { headers } of bench.reached)
    expect([headers.get('authorization'), headers.get('cookie')]).toEqual([null, null])
  const verify = createAssertionVerifier({
    audience: 'projects',
    issuers: [GATEWAY_ISSUER],
    publicKeys: JSON.parse(bench.issuers.environmentOf('projects').ASSERTION_PUBLIC_KEYS),
  })
  const claims = await verify(bench.reached[0]?.headers.get('x-mogplex-identity') ?? null)
  expect(claims).toMatchObject({ amr: 'webhook', scp: [] })
  expect(claims).not.toHaveProperty('sub')
})

test('a row may allow larger bodies than others, or only smaller ones', async () => {
  const flow = '/api/webhooks/flows/f'
  const streamed = (bytes: number) =>
    new ReadableStream({
      start: controller => {
        controller.enqueue(new Uint8Array(bytes))
        controller.close()
      },
    })
  expect((await deliver({}, new Uint8Array(4_000_000))).status).toBe(200)
  expect(bodies[0]).toHaveLength(4_000_000)
  expect((await deliver({}, new Uint8Array(4_000_001))).status).toBe(413)
  expect((await deliver({}, streamed(4_000_001))).status).toBe(413)
  expect((await deliver({}, new Uint8Array(1_000), flow)).status).toBe(200)
  expect((await deliver({}, new Uint8Array(1_001), flow)).status).toBe(413)
  expect((await deliver({}, streamed(1_001), flow)).status).toBe(413)
})

const deliverAtOnce = (url: string, count: number) =>
  Promise.all(
    Array.from({ length: count }, async () => {
      const response = await fetch(url + HOOK, { method: 'POST', body: '{}' })
      await response.bytes()
      return response.status
    }),
  )

test('an address may deliver 600 times a minute', async () => {
  await using fresh = await useGateway({ routes })
  const statuses: number[] = []
  // As many at once as find a place on the way to the service.
  for (let round = 0; round < 6; round += 1) statuses.push(...(await deliverAtOnce(fresh.url, 100)))
  statuses.push(...(await deliverAtOnce(fresh.url, 3)))
  expect(statuses.filter(status => status === 200)).toHaveLength(600)
  expect(statuses.filter(status => status === 429)).toHaveLength(3)
})

test('what is gone is 404 to everybody, like a path that never was', async () => {
  const never = await (await fetch(`${bench.url}/api/never`)).text()
  const origin = { origin: 'https://evil.test' }
  const callers: Record<string, string>[] = [{}, pat('mog_short'), pat(bench.newPat()), origin]
  for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS'])
    for (const headers of callers) {
      const response = await fetch(`${bench.url}/api/waitlist`, { method, headers })
      expect([method, response.status, response.headers.get('allow')]).toEqual([method, 404, null])
      expect(await response.text()).toBe(never)
    }
  // Not the repository of that name.
  const { status } = await fetch(`${bench.url}/api/repos/invites`, { headers: pat(bench.newPat()) })
  expect(status).toBe(404)
  expect(bench.reached).toHaveLength(0)
  expect(bench.asked).toEqual([])
})
