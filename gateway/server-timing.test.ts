/** Every answer says whose time it took: the gateway's and the owning service's. */
import { afterAll, expect, test } from 'bun:test'
import { useGateway } from './test-bench/gateway.ts'

const SLOW_MS = 80
const bench = await useGateway({
  upstream: async request => {
    if (request.url.endsWith('?slow')) await Bun.sleep(SLOW_MS)
    const answer = Response.json({ ok: true })
    if (request.url.endsWith('?own')) answer.headers.set('server-timing', 'database;dur=7')
    return answer
  },
})
afterAll(() => bench[Symbol.asyncDispose]())

async function timing(path: string, headers: Record<string, string> = {}) {
  const { status, headers: answered } = await fetch(bench.url + path, { headers })
  const text = answered.get('server-timing') ?? ''
  const shares = text.split(', ').map(entry => {
    const [name = '', duration = ''] = entry.split(';dur=')
    return [name, Number(duration)] as const
  })
  return { status, shares: new Map(shares) }
}
const authorized = () => ({ authorization: `Bearer ${bench.newPat()}` })

test('a slow owner is the share of the owner', async () => {
  const started = performance.now()
  const { status, shares } = await timing('/api/repos?slow', authorized())
  const total = performance.now() - started
  expect([status, ...shares.keys()]).toEqual([200, 'gateway', 'owner'])
  const [gateway = -1, owner = 0] = shares.values()
  expect(owner).toBeGreaterThanOrEqual(SLOW_MS - 2)
  expect(gateway).toBeGreaterThanOrEqual(0)
  expect(gateway + owner).toBeLessThanOrEqual(total + 0.2)
})

test('an answer the gateway made itself has no other share', async () => {
  for (const [path, headers, expected] of [
    ['/api/repos', {}, 401],
    ['/api/nothing', {}, 404],
    ['/api/settings/keys', authorized(), 403],
  ] as const) {
    const { status, shares } = await timing(path, headers)
    expect([status, ...shares.keys()]).toEqual([expected, 'gateway'])
    expect(shares.get('gateway')).toBeGreaterThanOrEqual(0)
  }
})

test('an owner that says more of itself is heard', async () => {
  const { shares } = await timing('/api/repos?own', authorized())
  expect([...shares.keys()]).toEqual(['database', 'gateway', 'owner'])
  expect(shares.get('database')).toBe(7)
})
