/**
 * Requests and answers that have the same head share what was read of it. What the gateway adds or leaves out for one of
 * them must never be found in another.
 */
import { afterAll, expect, test } from 'bun:test'
import { useGateway } from './test-bench/gateway.ts'

const SITE = 'https://app.test'
const ROTATED = 'mogplex_session=rotated; Path=/'
/** Always the same head, date included, and always by the one connection that is idle. */
const DATE = 'Sat, 28 Nov 2026 00:00:00 GMT'

const bench = await useGateway({
  settings: { CORS_ALLOWED_ORIGINS: SITE },
  upstream: () => Response.json([], { headers: { date: DATE, vary: 'accept' } }),
})
afterAll(() => bench[Symbol.asyncDispose]())

const headersOf = async (path: string, headers: Record<string, string>) =>
  Object.fromEntries((await fetch(bench.url + path, { headers })).headers)

test('a cookie, a readable origin and a page’s headers stay with the answer they were made for', async () => {
  const token = { authorization: `Bearer ${bench.newPat()}` }
  const plain = await headersOf('/api/repos', token)
  for (let turn = 0; turn < 20; turn += 1) {
    const rotating = { cookie: `mogplex_session=${bench.newSession(ROTATED)}` }
    expect(await headersOf('/api/repos', rotating)).toMatchObject({ 'set-cookie': ROTATED, vary: 'accept' })
    const fromSite = await headersOf('/api/repos', { ...token, origin: SITE })
    expect(fromSite).toMatchObject({ 'access-control-allow-origin': SITE, vary: 'accept, origin' })
    expect(await headersOf('/login', {})).toHaveProperty('content-security-policy')

    const again = await headersOf('/api/repos', token)
    expect(Object.keys(again).sort()).toEqual(Object.keys(plain).sort())
    expect(again).toMatchObject({ vary: 'accept, origin', date: DATE })
    const stranger = await headersOf('/api/repos', { cookie: `mogplex_session=${bench.newSession()}` })
    expect(stranger.vary).toBe('accept')
    expect(stranger).not.toHaveProperty('set-cookie')
    expect(stranger).not.toHaveProperty('access-control-allow-origin')
    expect(stranger).not.toHaveProperty('content-security-policy')
  }
})

test('two callers on one connection who send the same but for the token are told apart', async () => {
  const tokens = [bench.newPat(['read']), bench.newPat(['write']), bench.newPat(['read'])]
  for (let turn = 0; turn < 20; turn += 1)
    for (const [index, token] of tokens.entries()) {
      const { status } = await fetch(`${bench.url}/api/repos`, {
        headers: { authorization: `Bearer ${token}` },
      })
      expect([index, status]).toEqual([index, index === 1 ? 403 : 200])
    }
})

test('a service that may see the cookies of a sign-in sees them, and the next one does not', async () => {
  // All of them identity's, so that the assertion is the same.
  const headers = { cookie: `mogplex_session=${bench.newSession()}; mogplex_oauth_state=s` }
  const [signIn, other] = ['/api/auth/get-session', '/api/settings']
  const paths = [signIn, other, `${other}?n=1`, signIn, other]
  bench.reached.length = 0
  for (const path of paths) await fetch(bench.url + path, { headers })
  const seen = bench.reached.map(({ headers }) => headers.get('cookie'))
  expect(seen).toEqual(['mogplex_oauth_state=s', null, null, 'mogplex_oauth_state=s', null])
  expect(new Set(bench.reached.map(({ headers }) => headers.get('x-request-id'))).size).toBe(paths.length)
})
