import { afterAll, beforeAll, expect, test } from 'bun:test'
import { answerOf, type IdentityBench, signUpSomebody, startIdentity } from '../test-bench.ts'

let bench: IdentityBench
beforeAll(async () => {
  bench = await startIdentity()
})
afterAll(() => bench.stop())

async function somebodySignedIn() {
  const { userId, token } = await signUpSomebody(bench)
  const [session] = await bench.sql`select id from identity.sessions where user_id = ${userId}`
  const sessionId = String(session?.id)
  return { userId, sessionId, token, as: { userId, sessionId } }
}

const isRevoked = async (sessionId: string) => {
  const [row] = await bench.sql`select revoked_at from identity.sessions where id = ${sessionId}`
  return row?.revoked_at !== null
}

const CLEARED = 'mogplex_session=; HttpOnly; SameSite=Lax; Path=/; Max-Age=0'

test('sign-out and logout end the session and clear the cookie', async () => {
  for (const [method, path] of [
    ['POST', '/api/auth/sign-out'],
    ['POST', '/api/auth/logout'],
  ] as const) {
    const { as, sessionId } = await somebodySignedIn()
    const response = await bench.call(method, path, { as })
    expect(response.headers.get('set-cookie')).toBe(CLEARED)
    expect(await answerOf(response)).toEqual({ status: 200, body: { ok: true } })
    expect(await isRevoked(sessionId)).toBe(true)
  }
})

test('sign-out without a session is fine too', async () => {
  const response = await bench.call('POST', '/api/auth/sign-out')
  expect(await answerOf(response)).toEqual({ status: 200, body: { ok: true } })
})

test('GET logout signs out and leads to the login page, but only leads there from another site', async () => {
  for (const [site, ends] of [
    [undefined, true],
    ['same-origin', true],
    ['none', true],
    ['cross-site', false],
  ] as const) {
    const { as, sessionId } = await somebodySignedIn()
    const headers: Record<string, string> = site ? { 'sec-fetch-site': site } : {}
    const response = await bench.call('GET', '/api/auth/logout', { as, headers })
    expect([response.status, response.headers.get('location')]).toEqual([302, '/login'])
    expect(response.headers.get('set-cookie')).toBe(ends ? CLEARED : null)
    expect([site, await isRevoked(sessionId)]).toEqual([site, ends])
  }
})

test('get-session tells session and user, user alone for a token, null for nobody', async () => {
  const { as, userId, sessionId } = await somebodySignedIn()
  const get = async (caller?: object) => {
    const response = await bench.call('GET', '/api/auth/get-session', caller ? { as: caller } : {})
    expect(response.status).toBe(200)
    return response.json()
  }
  const user = { id: userId, email: expect.any(String), name: 'Ada' }
  expect(await get(as)).toEqual({ session: { id: sessionId, expiresAt: expect.any(String) }, user })
  expect(await get({ userId, amr: 'pat', keyId: 'k' })).toEqual({ session: null, user })
  expect(await get()).toBeNull()
  expect(await get({ userId: crypto.randomUUID() })).toBeNull()
  await bench.sql`update identity.users set disabled_at = now() where id = ${userId}`
  expect(await get(as)).toBeNull()
})

test("the list shows one's live sessions, last seen first, and which one is asking", async () => {
  const { as, userId, sessionId } = await somebodySignedIn()
  await somebodySignedIn()
  const add = async (age: string, change = {}) => {
    const id = crypto.randomUUID()
    const row = { id, user_id: userId, token_hash: id, ip: null, user_agent: 'x', ...change }
    await bench.sql`insert into identity.sessions ${bench.sql({
      ...row,
      ...{ created_at: new Date(), rotated_at: new Date(), last_seen_at: new Date() },
      ...{ expires_at: new Date(Date.now() + 1e6), absolute_expires_at: new Date(Date.now() + 1e6) },
      ...change,
    })}`
    await bench.sql`update identity.sessions set last_seen_at = now() - ${age}::interval where id = ${id}`
    return id
  }
  const older = await add('1 hour')
  const newer = await add('-1 hour')
  await add('0', { revoked_at: new Date() })
  await add('0', { expires_at: new Date() })
  await add('0', { absolute_expires_at: new Date() })
  const { body } = await answerOf(await bench.call('GET', '/api/auth/sessions', { as }))
  const sessions = body.sessions as { id: string; current: boolean }[]
  expect(sessions.map(({ id, current }) => [id, current])).toEqual([
    [newer, false],
    [sessionId, true],
    [older, false],
  ])
  expect(Object.keys(sessions[0] ?? {}).toSorted()).toEqual(
    ['createdAt', 'current', 'expiresAt', 'id', 'ip', 'lastSeenAt', 'userAgent'].toSorted(),
  )
})

test("deleting a session: one's own clears the cookie; foreign, malformed, unknown and ended are 404", async () => {
  const [mine, theirs] = [await somebodySignedIn(), await somebodySignedIn()]
  const remove = (id: string) => bench.call('DELETE', `/api/auth/sessions/${id}`, { as: mine.as })
  for (const id of [theirs.sessionId, 'nonsense', crypto.randomUUID(), "'%20or%201=1"]) {
    const { status, body } = await answerOf(await remove(id))
    expect([id, status, body]).toEqual([id, 404, { error: 'Not found', code: 'NOT_FOUND' }])
  }
  expect(await isRevoked(theirs.sessionId)).toBe(false)
  const response = await remove(mine.sessionId.toUpperCase())
  expect([response.status, response.headers.get('set-cookie')]).toEqual([200, CLEARED])
  expect((await remove(mine.sessionId)).status).toBe(404)
})
