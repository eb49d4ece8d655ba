import { afterAll, beforeAll, expect, test } from 'bun:test'
import {
  answerOf,
  type IdentityBench,
  PASSWORD,
  signUpSomebody,
  startIdentity,
  tokenIn,
} from '../test-bench.ts'

const PATH = '/api/auth/sign-in/email'
let bench: IdentityBench
beforeAll(async () => {
  bench = await startIdentity()
})
afterAll(() => bench.stop())

const signIn = (json: unknown, headers = {}) => bench.call('POST', PATH, { json, headers })

test('signing in begins a new session, in any spelling of the address', async () => {
  const { email, userId, token } = await signUpSomebody(bench)
  const response = await signIn({ email: ` ${email.toUpperCase()}`, password: PASSWORD, next: '/x' })
  expect(await answerOf(response.clone())).toEqual({
    status: 200,
    body: { user: { id: userId, email, name: 'Ada' }, next: '/x' },
  })
  expect(tokenIn(response)).not.toBe(token)
  const sessions = await bench.sql`select id from identity.sessions where user_id = ${userId}`
  expect(sessions.length).toBe(2)
})

test('a cookie sent along is never adopted', async () => {
  const { email } = await signUpSomebody(bench)
  const planted = 'A'.repeat(43)
  const response = await signIn({ email, password: PASSWORD }, { cookie: `mogplex_session=${planted}` })
  expect(tokenIn(response)).not.toBe(planted)
})

test('unknown, wrong, without a password and disabled are told alike', async () => {
  const [known, disabled, without] = [
    await signUpSomebody(bench),
    await signUpSomebody(bench),
    await signUpSomebody(bench),
  ]
  await bench.sql`update identity.users set disabled_at = now() where id = ${disabled.userId}`
  await bench.sql`update identity.users set password_hash = null where id = ${without.userId}`
  const attempts = [
    { email: 'nobody@example.test', password: PASSWORD },
    { email: 'not an address', password: PASSWORD },
    { email: known.email, password: `${PASSWORD}!` },
    { email: known.email, password: 'x'.repeat(5_000) },
    { email: disabled.email, password: PASSWORD },
    { email: without.email, password: PASSWORD },
  ]
  for (const attempt of attempts) {
    const response = await signIn(attempt)
    expect(response.headers.get('set-cookie')).toBeNull()
    expect(await answerOf(response)).toEqual({
      status: 401,
      body: { error: 'Wrong e-mail address or password', code: 'UNAUTHORIZED' },
    })
  }
})

test('every bad field is 400 and named', async () => {
  const good = { email: 'a@example.test', password: PASSWORD }
  const bad: [string, unknown[]][] = [
    ['email', [undefined, null, 7, [], {}, '', 'a\u0000@b']],
    ['password', [undefined, null, 7, [], {}, '', 'x\u0000', '\ud800']],
    ['next', [7, [], {}, false]],
  ]
  for (const [field, values] of bad) {
    for (const value of values) {
      const { status, body } = await answerOf(await signIn({ ...good, [field]: value }))
      expect([field, value, status]).toEqual([field, value, 400])
      expect(String(body.error)).toStartWith(`${field}: `)
    }
  }
})
