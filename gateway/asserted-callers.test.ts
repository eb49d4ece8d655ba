/** What a service is told of the caller (gateway spec 9). */
import { afterAll, expect, test } from 'bun:test'
import { createAssertionVerifier } from '@mogplex/kit/assertion/verifier.ts'
import { GATEWAY_ISSUER } from '@mogplex/proto/services.ts'
import { PUBLIC_ORIGIN, useGateway } from './test-bench/gateway.ts'

const bench = await useGateway()
afterAll(() => bench[Symbol.asyncDispose]())

const patOf = (token: string) => ({ authorization: `Bearer ${token}` })
const cookieOf = (token: string) => ({ cookie: `mogplex_session=${token}` })

const verify = createAssertionVerifier({
  audience: 'identity',
  issuers: [GATEWAY_ISSUER],
  publicKeys: JSON.parse(bench.issuers.environmentOf('identity').ASSERTION_PUBLIC_KEYS),
})
const assertedTo = async (path: string, headers: Record<string, string>, method = 'GET') => {
  await fetch(bench.url + path, { method, headers: { origin: PUBLIC_ORIGIN, ...headers } })
  return verify(bench.reached.at(-1)?.headers.get('x-mogplex-identity') ?? null)
}

test('the service is told who calls, and of anonymous callers too', async () => {
  const path = '/api/auth/get-session'
  expect(await assertedTo(path, {})).toMatchObject({ amr: 'anonymous', scp: [] })
  expect(await assertedTo(path, {})).not.toHaveProperty('sub')
  expect(await assertedTo(path, patOf(bench.newPat(['read'])))).toMatchObject({
    amr: 'pat',
    sub: 'user-1',
    scp: ['read'],
    pat: expect.any(String),
    iss: GATEWAY_ISSUER,
    aud: 'identity',
  })
  expect(await assertedTo(path, cookieOf(bench.newSession()))).toMatchObject({
    amr: 'session',
    sub: 'user-1',
    sid: 'session-1',
    scp: ['read', 'write'],
  })
})

test('signing out knows the session when there is a good one, and is served without', async () => {
  const path = '/api/auth/sign-out'
  expect(await assertedTo(path, cookieOf(bench.newSession()), 'POST')).toMatchObject({
    amr: 'session',
    sid: 'session-1',
  })
  expect(await assertedTo(path, cookieOf('n'.repeat(43)), 'POST')).toMatchObject({ amr: 'anonymous' })
  expect(await assertedTo(path, patOf(bench.newPat()), 'POST')).toMatchObject({ amr: 'anonymous' })
})
