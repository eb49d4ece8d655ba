import { afterAll, beforeAll, expect, test } from 'bun:test'
import { sha256Hex } from '@mogplex/kit/ids.ts'
import { resolveSession } from '@mogplex/proto/identity.ts'
import {
  answerOf,
  type IdentityBench,
  PASSWORD,
  signUpSomebody,
  startIdentity,
  tokenIn,
} from '../test-bench.ts'

const PATH = '/api/auth/password'
const NEW_PASSWORD = 'an entirely new one'
let bench: IdentityBench
beforeAll(async () => {
  bench = await startIdentity()
})
afterAll(() => bench.stop())

const statusOf = async (token: string) =>
  (await bench.ask(resolveSession, { tokenHash: sha256Hex(token) })).status
const signIn = (email: string, password: string) =>
  bench.call('POST', '/api/auth/sign-in/email', { json: { email, password } })

async function somebody() {
  const { userId, email, token } = await signUpSomebody(bench)
  const [session] = await bench.sql`select id from identity.sessions where user_id = ${userId}`
  return { userId, email, token, as: { userId, sessionId: String(session?.id) } }
}

test('a change ends every other session and gives this one a new token', async () => {
  const { userId, email, token, as } = await somebody()
  const other = tokenIn(await signIn(email, PASSWORD))
  const json = { currentPassword: PASSWORD, newPassword: NEW_PASSWORD }
  const response = await bench.call('POST', PATH, { as, json })
  const fresh = tokenIn(response)
  expect(await answerOf(response)).toEqual({ status: 200, body: { ok: true } })
  expect(await statusOf(other)).toBe('invalid')
  expect(await statusOf(fresh)).toBe('valid')
  expect((await signIn(email, PASSWORD)).status).toBe(401)
  expect((await signIn(email, NEW_PASSWORD)).status).toBe(200)
  // The old token covers requests under way, for a minute whether or not the new one is used.
  expect(await statusOf(token)).toBe('valid')
  await bench.sql`update identity.sessions set previous_valid_until = now() - interval '1 second' where user_id = ${userId}`
  expect(await statusOf(token)).toBe('invalid')
})

test('a wrong or missing current password is 403 and changes nothing', async () => {
  const { email, token, as } = await somebody()
  for (const currentPassword of ['not the password', undefined]) {
    const json = { currentPassword, newPassword: NEW_PASSWORD }
    const { status, body } = await answerOf(await bench.call('POST', PATH, { as, json }))
    expect([status, body.code]).toEqual([403, 'FORBIDDEN'])
  }
  expect(await statusOf(token)).toBe('valid')
  expect((await signIn(email, PASSWORD)).status).toBe(200)
})

test('of several changes at once from one password one wins', async () => {
  const { as } = await somebody()
  const all = await Promise.all(
    ['a first new one', 'a second new one', 'a third new one'].map(newPassword =>
      bench.call('POST', PATH, { as, json: { currentPassword: PASSWORD, newPassword } }),
    ),
  )
  expect(all.map(response => response.status).toSorted()).toEqual([200, 403, 403])
})

test('a first password needs a session of at most ten minutes', async () => {
  const { userId, email, as } = await somebody()
  await bench.sql`update identity.users set password_hash = null where id = ${userId}`
  const json = { newPassword: NEW_PASSWORD }
  await bench.sql`update identity.sessions set created_at = now() - interval '11 minutes' where user_id = ${userId}`
  expect((await bench.call('POST', PATH, { as, json })).status).toBe(403)
  await bench.sql`update identity.sessions set created_at = now() - interval '9 minutes' where user_id = ${userId}`
  expect((await bench.call('POST', PATH, { as, json })).status).toBe(200)
  expect((await signIn(email, NEW_PASSWORD)).status).toBe(200)
})

test('every bad field is 400 and named', async () => {
  const { as } = await somebody()
  const good = { currentPassword: PASSWORD, newPassword: NEW_PASSWORD }
  const bad: [string, unknown[]][] = [
    ['currentPassword', [null, 1, [], '', 'x\u0000']],
    ['newPassword', [undefined, null, 1, [], {}, '', 'short', 'x'.repeat(129), '\ud800'.repeat(12)]],
  ]
  for (const [field, values] of bad) {
    for (const value of values) {
      const json = { ...good, [field]: value }
      const { status, body } = await answerOf(await bench.call('POST', PATH, { as, json }))
      expect([field, value, status]).toEqual([field, value, 400])
      expect(String(body.error)).toStartWith(`${field}: `)
    }
  }
})
