/** Identity spec 10: what a consent is good for, once. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { sha256Hex } from '@mogplex/kit/ids.ts'
import { resolvePat } from '@mogplex/proto/identity.ts'
import { SignJWT } from 'jose'
import { answerOf, type IdentityBench, signUpSomebody, startIdentity } from '../test-bench.ts'

const CALLBACK = 'http://127.0.0.1:45454/callback'

let bench: IdentityBench
let replica: Awaited<ReturnType<IdentityBench['startReplica']>>
beforeAll(async () => {
  bench = await startIdentity()
  replica = await bench.startReplica()
})
afterAll(() => bench.stop())

async function somebody() {
  const { userId, email } = await signUpSomebody(bench)
  const [session] = await bench.sql`select id from identity.sessions where user_id = ${userId}`
  return { userId, email, sessionId: String(session?.id) }
}
type Somebody = Awaited<ReturnType<typeof somebody>>

const ask = (
  as: Somebody,
  headers: Record<string, string> = { accept: 'application/json' },
  nonce = newNonce(),
) =>
  bench.call('GET', `/cli-auth?callback=${encodeURIComponent(CALLBACK)}&nonce=${nonce}&name=laptop`, {
    as,
    headers,
  })
const newNonce = () => crypto.randomUUID().replaceAll('-', '_')
const consentOf = async (as: Somebody, nonce?: string) =>
  (await answerOf(await ask(as, undefined, nonce))).body.consent as string
const answer = (what: 'approve' | 'deny', as: Somebody, consent: unknown, call = bench.call) =>
  call('POST', `/api/auth/cli/${what}`, { as, json: { consent } })
const keysOf = (userId: string) => bench.sql`select * from identity.user_api_keys where user_id = ${userId}`

test('200: the consent says who, what and where; the token it yields is good and named after it', async () => {
  const as = await somebody()
  const nonce = newNonce()
  const { body } = await answerOf(await ask(as, undefined, nonce))
  expect(body).toEqual({
    ...{ consent: expect.any(String), callback: CALLBACK, name: 'laptop', scopes: ['read', 'write'] },
    ...{ expiresInDays: 90, user: { id: as.userId, email: as.email } },
  })
  const approved = await answerOf(await answer('approve', as, body.consent))
  expect(approved).toEqual({
    status: 200,
    body: {
      ...{ token: expect.stringMatching(/^mog_[A-Za-z0-9]{32}$/), prefix: expect.any(String), nonce },
      ...{ keyId: expect.any(String), expiresAt: expect.any(String), callback: CALLBACK },
    },
  })
  const { token, keyId, expiresAt } = approved.body
  expect((await bench.ask(resolvePat, { tokenHash: sha256Hex(String(token)) })).status).toBe('valid')
  const [key] = await keysOf(as.userId)
  expect(key).toMatchObject({ id: keyId, name: 'CLI: laptop', scopes: ['read', 'write'] })
  expect((Date.parse(String(expiresAt)) - Date.now()) / 86_400_000).toBeCloseTo(90, 1)
  const [grant] = await bench.sql`select * from identity.cli_grants where user_id = ${as.userId}`
  expect(grant).toMatchObject({ status: 'approved', api_key_id: keyId, callback: CALLBACK })
  expect(JSON.stringify(grant)).not.toContain(nonce)
})

test('the page names account, token and place, and may speak to nothing but us and that place', async () => {
  const as = await somebody()
  const response = await ask(as, { accept: 'text/html,application/xhtml+xml,application/json;q=0.9' })
  expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8')
  const policy = response.headers.get('content-security-policy')
  expect(policy).toContain("connect-src 'self' http://127.0.0.1:45454;")
  expect(policy).toContain("frame-ancestors 'none'")
  const page = await response.text()
  for (const part of [as.email, 'CLI: laptop', 'read and write', 'in 90 days', '127.0.0.1:45454'])
    expect(page).toContain(part)
})

test('400 as a page for a callback elsewhere, whatever else is asked', async () => {
  const as = await somebody()
  const path = `/cli-auth?callback=${encodeURIComponent('http://evil.test:4000/<script>')}&nonce=${newNonce()}`
  const response = await bench.call('GET', path, { as, headers: { accept: 'text/html' } })
  expect([response.status, response.headers.get('location')]).toEqual([400, null])
  const page = await response.text()
  expect(page).toContain('callback: must be')
  expect(page).not.toContain('evil.test')
})

test('400 for a consent that is missing, forged, of another key or too old', async () => {
  const as = await somebody()
  const askedAt = Date.now() / 1_000
  const consent = await consentOf(as)
  const answeredAt = Date.now() / 1_000
  const [head, payload, signature] = consent.split('.') as [string, string, string]
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
  const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.`
  const foreign = await new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(new Uint8Array(32))
  const other = Buffer.from(JSON.stringify({ ...claims, name: 'else' })).toString('base64url')
  const bad = [undefined, null, 1, {}, '', 'x', unsigned, foreign, `${head}.${other}.${signature}`]
  for (const each of bad) {
    for (const what of ['approve', 'deny'] as const) {
      const { status, body } = await answerOf(await answer(what, as, each))
      expect([each, status, body.field]).toEqual([each, 400, 'consent'])
    }
  }
  expect(claims.exp).toBeWithin(askedAt + 599, answeredAt + 601)
  expect(await keysOf(as.userId)).toHaveLength(0)
})

test('403 for the consent of somebody else, and of another session of the same person', async () => {
  const [ada, grace] = [await somebody(), await somebody()]
  const consent = await consentOf(ada)
  const elsewhere = { ...ada, sessionId: crypto.randomUUID() }
  for (const as of [grace, elsewhere]) {
    expect((await answer('approve', as, consent)).status).toBe(403)
    expect((await answer('deny', as, consent)).status).toBe(403)
  }
  expect((await answer('approve', ada, consent)).status).toBe(200)
})

test('409 for a consent that was answered, and for a nonce that was used', async () => {
  const as = await somebody()
  const nonce = newNonce()
  const [first, second] = [await consentOf(as, nonce), await consentOf(as, nonce)]
  expect((await answer('approve', as, first)).status).toBe(200)
  for (const [what, consent] of [
    ['approve', first],
    ['deny', first],
    ['approve', second],
  ] as const)
    expect((await answer(what, as, consent)).status).toBe(409)
  const denied = await consentOf(as)
  expect(await answerOf(await answer('deny', as, denied))).toEqual({ status: 200, body: { ok: true } })
  expect((await answer('approve', as, denied)).status).toBe(409)
  expect(await keysOf(as.userId)).toHaveLength(1)
  // Somebody else may have the same nonce: it is unique for each person only.
  const other = await somebody()
  expect((await answer('approve', other, await consentOf(other, nonce))).status).toBe(200)
})

test('of simultaneous answers to one consent, at two replicas, exactly one is taken', async () => {
  const as = await somebody()
  for (let round = 1; round <= 10; round += 1) {
    const consent = await consentOf(as)
    const statuses = await Promise.all(
      Array.from({ length: 10 }, async (_, index) => {
        const call = index % 2 === 0 ? bench.call : replica.call
        return (await answer('approve', as, consent, call)).status
      }),
    )
    expect(statuses.toSorted()).toEqual([200, ...Array(9).fill(409)])
    expect(await keysOf(as.userId)).toHaveLength(round)
  }
})

test('409 without a place for one more token; the consent is good again when there is one', async () => {
  const as = await somebody()
  const json = { name: 'one of many' }
  const ids: string[] = []
  for (let made = 0; made < 100; made += 1) {
    ids.push(
      String((await answerOf(await bench.call('POST', '/api/settings/api-keys', { as, json }))).body.id),
    )
  }
  const consent = await consentOf(as)
  expect((await answer('approve', as, consent)).status).toBe(409)
  await bench.call('DELETE', `/api/settings/api-keys/${ids[0]}`, { as })
  expect((await answer('approve', as, consent)).status).toBe(200)
})
