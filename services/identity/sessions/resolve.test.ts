import { afterAll, beforeAll, expect, test } from 'bun:test'
import { sha256Hex } from '@mogplex/kit/ids.ts'
import { resolveSession } from '@mogplex/proto/identity.ts'
import { answerOf, type IdentityBench, signUpSomebody, startIdentity, tokenOfCookie } from '../test-bench.ts'

let bench: IdentityBench
beforeAll(async () => {
  bench = await startIdentity()
})
afterAll(() => bench.stop())

const resolve = (token: string) => bench.ask(resolveSession, { tokenHash: sha256Hex(token) })

async function valid(token: string) {
  const reply = await resolve(token)
  if (reply.status !== 'valid') throw new Error('the token is invalid')
  return reply
}

/** Moves the times of somebody's session into the past; what is said wins. */
async function age(userId: string, columns: Record<string, string>) {
  for (const [column, interval] of Object.entries(columns)) {
    await bench.sql`update identity.sessions set ${bench.sql(column)} = now() - ${interval}::interval where user_id = ${userId}`
  }
}

const rowOf = async (userId: string) => {
  const [row] = await bench.sql`select * from identity.sessions where user_id = ${userId}`
  return row as { [column: string]: Date | string | null } & { expires_at: Date; last_seen_at: Date }
}

async function rotated() {
  const somebody = await signUpSomebody(bench)
  await age(somebody.userId, { rotated_at: '25 hours' })
  const { replacementCookie } = await valid(somebody.token)
  return { ...somebody, oldToken: somebody.token, newToken: tokenOfCookie(replacementCookie) }
}

test('a fresh token is its user, without a replacement', async () => {
  const { userId, token } = await signUpSomebody(bench)
  const reply = await valid(token)
  expect(reply).toMatchObject({ userId, replacementCookie: null })
  expect(Date.parse(reply.expiresAt) - Date.now()).toBeWithin(6.9 * 86_400_000, 7.1 * 86_400_000)
})

test('unknown, revoked, idle too long, too old and disabled are invalid', async () => {
  expect(await resolve('x')).toEqual({ status: 'invalid' })
  for (const column of ['revoked_at', 'expires_at', 'absolute_expires_at']) {
    const { userId, token } = await signUpSomebody(bench)
    await age(userId, { [column]: '1 second' })
    expect([column, await resolve(token)]).toEqual([column, { status: 'invalid' }])
  }
  const { userId, token } = await signUpSomebody(bench)
  await bench.sql`update identity.users set disabled_at = now() where id = ${userId}`
  expect(await resolve(token)).toEqual({ status: 'invalid' })
})

test('a use extends the idle time, is written at most once a minute, and never beyond the absolute end', async () => {
  const { userId, token } = await signUpSomebody(bench)
  await age(userId, { last_seen_at: '30 seconds', expires_at: '-1 hour' })
  const before = await rowOf(userId)
  await valid(token)
  expect(await rowOf(userId)).toEqual(before)

  await age(userId, { last_seen_at: '61 seconds' })
  await Promise.all(Array.from({ length: 5 }, () => valid(token)))
  const touched = await rowOf(userId)
  expect(touched.expires_at.getTime() - Date.now()).toBeGreaterThan(6.9 * 86_400_000)
  expect(Date.now() - touched.last_seen_at.getTime()).toBeLessThan(30_000)

  await age(userId, { last_seen_at: '2 minutes', absolute_expires_at: '-1 day' })
  const { expiresAt } = await valid(token)
  const capped = await rowOf(userId)
  expect(capped.expires_at).toEqual(capped.absolute_expires_at as Date)
  expect(expiresAt).toBe(capped.expires_at.toISOString())
})

test('a token older than a day is replaced once; parallel requests go on with the old one', async () => {
  const { userId, token } = await signUpSomebody(bench)
  await age(userId, { rotated_at: '24 hours 1 second' })
  const replies = await Promise.all(Array.from({ length: 12 }, () => valid(token)))
  const cookies = replies.map(reply => reply.replacementCookie).filter(cookie => cookie !== null)
  expect(cookies.length).toBe(1)
  expect(cookies[0]).toMatch(
    /^mogplex_session=[A-Za-z0-9_-]{43}; HttpOnly; SameSite=Lax; Path=\/; Max-Age=60\d{4}$/,
  )
  expect(new Set(replies.map(reply => reply.sessionId)).size).toBe(1)
  const fresh = await valid(tokenOfCookie(cookies[0] ?? null))
  expect(fresh).toMatchObject({ userId, replacementCookie: null })
})

test('the old token stays good while the new one was never used, for nobody to trust longer than a minute', async () => {
  const { userId, oldToken } = await rotated()
  await age(userId, { rotated_at: '20 hours', last_seen_at: '2 hours' })
  const reply = await valid(oldToken)
  expect(reply.replacementCookie).toBeNull()
  expect(Date.parse(reply.expiresAt)).toBeLessThanOrEqual(Date.now() + 60_000)
})

test('the first use of the new token starts the overlap, later ones do not move it', async () => {
  const { userId, oldToken, newToken } = await rotated()
  await Promise.all([valid(newToken), valid(newToken), valid(newToken)])
  const started = (await rowOf(userId)).previous_valid_until as Date
  expect(started.getTime() - Date.now()).toBeWithin(50_000, 60_001)
  await valid(oldToken)
  await age(userId, { last_seen_at: '2 minutes' })
  await valid(newToken)
  expect((await rowOf(userId)).previous_valid_until).toEqual(started)
})

test('the old token after the overlap is a theft signal: it and its successor end', async () => {
  const { userId, oldToken, newToken } = await rotated()
  await valid(newToken)
  await age(userId, { previous_valid_until: '1 second' })
  expect((await valid(newToken)).userId).toBe(userId)
  const both = await Promise.all([resolve(oldToken), resolve(oldToken)])
  expect(both).toEqual([{ status: 'invalid' }, { status: 'invalid' }])
  expect(await resolve(newToken)).toEqual({ status: 'invalid' })
  expect((await rowOf(userId)).revoked_at).not.toBeNull()
})

test('a session that rotates every day is good for thirty days and no longer', async () => {
  const somebody = await signUpSomebody(bench)
  let token = somebody.token
  for (let day = 0; day < 3; day += 1) {
    await age(somebody.userId, { rotated_at: '25 hours' })
    token = tokenOfCookie((await valid(token)).replacementCookie)
    await valid(token)
  }
  await age(somebody.userId, { absolute_expires_at: '1 second' })
  expect(await resolve(token)).toEqual({ status: 'invalid' })
})

test('on https the cookies are bound to the host and Secure', async () => {
  const { call } = await bench.startReplica({ PUBLIC_BASE_URL: 'https://mogplex.test' })
  const { email } = await signUpSomebody(bench)
  const json = { email, password: 'correct horse battery' }
  const response = await call('POST', '/api/auth/sign-in/email', { json })
  expect(response.headers.getSetCookie()).toEqual([
    expect.stringMatching(
      /^__Host-mogplex_session=[A-Za-z0-9_-]{43}; HttpOnly; SameSite=Lax; Path=\/; Max-Age=604800; Secure$/,
    ),
    expect.stringMatching(
      /^__Host-mogplex_device=[A-Za-z0-9_.-]+; HttpOnly; SameSite=Strict; Path=\/; Max-Age=15552000; Secure$/,
    ),
  ])
})

test('no session token is stored in the clear', async () => {
  const { userId, oldToken, newToken } = await rotated()
  const stored = JSON.stringify(await rowOf(userId))
  for (const token of [oldToken, newToken]) {
    expect(stored).not.toContain(token)
    expect(stored).toContain(sha256Hex(token))
  }
})

test('a malformed hash is refused by the contract, not looked up', async () => {
  const refused = await bench.ask(resolveSession, { tokenHash: "' or 1=1" }).catch(error => error.code)
  expect(refused).toBe('BAD_REQUEST')
  expect((await answerOf(await bench.call('GET', '/api/auth/providers'))).status).toBe(200)
})
