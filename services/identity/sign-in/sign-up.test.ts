import { afterAll, beforeAll, expect, test } from 'bun:test'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { answerOf, fromThisMachine, type IdentityBench, PASSWORD, startIdentity } from '../test-bench.ts'

const PATH = '/api/auth/sign-up/email'
let open: IdentityBench
let firstUser: IdentityBench
/** 128 bits of nothing in particular. */
const CODE = Buffer.alloc(16, 5).toString('base64url')
const email = () => `${crypto.randomUUID()}@example.test`

beforeAll(async () => {
  ;[open, firstUser] = await Promise.all([
    startIdentity(),
    startIdentity({ AUTH_SIGNUP: undefined, AUTH_SIGNUP_CODE: CODE }),
  ])
})
afterAll(() => Promise.all([open.stop(), firstUser.stop()]))

test('an account gets a session of its own, an event for each, and no secret in them', async () => {
  const json = { email: '  Grace@Example.TEST ', password: PASSWORD, name: ' Grace ', next: '/projects' }
  const response = await open.call('POST', PATH, { json, headers: { 'user-agent': 'probe/1' } })
  const { status, body } = await answerOf(response)
  expect(status).toBe(200)
  expect(body).toEqual({
    user: { id: expect.any(String), email: 'grace@example.test', name: 'Grace' },
    next: '/projects',
  })
  const [cookie = '', device = ''] = response.headers.getSetCookie()
  expect(device).toMatch(/^mogplex_device=[\w.-]+; HttpOnly; SameSite=Strict; Path=\/; Max-Age=15552000$/)
  expect(cookie).toMatch(
    /^mogplex_session=[A-Za-z0-9_-]{43}; HttpOnly; SameSite=Lax; Path=\/; Max-Age=604800$/,
  )
  const [user] = await open.sql`select * from identity.users where email = 'grace@example.test'`
  expect(user?.password_hash).toStartWith('$argon2id$v=19$m=19456,t=2,p=1$')
  expect(user).toMatchObject({ allow_platform_ai: true, allow_platform_sandbox: true, theme: 'dark' })
  const [session] = await open.sql`select * from identity.sessions where user_id = ${user?.id}`
  expect(session).toMatchObject({ ip: '192.0.2.7', user_agent: 'probe/1' })
  const events =
    await open.sql`select subject, payload::text from identity.outbox where user_id = ${user?.id} order by sequence`
  expect(events.map(event => event.subject)).toEqual([
    'evt.identity.user.created',
    'evt.identity.user.signed-in',
  ])
  const token = cookie.match(/=([^;]+)/)?.[1] ?? '?'
  const stored = JSON.stringify([user, session, events])
  for (const secret of [PASSWORD, token]) expect(stored).not.toContain(secret)
})

test('what happened reaches the stream', async () => {
  const isPublished = async () => {
    const rows = await open.sql`select 1 from identity.outbox where published_at is null`
    return rows.length === 0
  }
  expect(await waitUntil(isPublished, { limitMs: 20_000 })).toBe(true)
})

test('every bad field is 400 and named, and no account is made', async () => {
  const good = { email: email(), password: PASSWORD }
  const longLocal = `${'a'.repeat(251)}@b.c`
  const bad: [string, unknown[]][] = [
    [
      'email',
      [undefined, null, 1, {}, [], '', ' ', 'a', 'a@', '@b', 'a@b@c', 'a b@c', 'a@b\u0007', longLocal],
    ],
    ['email', ['a@b\u0000', 'a@\ud800']],
    [
      'password',
      [
        undefined,
        null,
        1,
        [],
        {},
        '',
        '123456789',
        'x'.repeat(129),
        `${PASSWORD}\u0000`,
        `${PASSWORD}\ud800`,
      ],
    ],
    ['name', [null, 1, [], '', ' ', 'x'.repeat(101), 'a\u0000', '\udfff']],
    ['next', [1, {}, [], true]],
  ]
  const [before] = await open.sql`select count(*) from identity.users`
  for (const [field, values] of bad) {
    for (const value of values) {
      const { status, body } = await answerOf(
        await open.call('POST', PATH, { json: { ...good, [field]: value } }),
      )
      expect([field, value, status, body.code]).toEqual([field, value, 400, 'BAD_REQUEST'])
      expect(String(body.error)).toStartWith(`${field}: `)
    }
  }
  for (const body of ['', '{', '[]', 'null', '"x"'])
    expect((await open.call('POST', PATH, { body })).status).toBe(400)
  expect(await open.sql`select count(*) from identity.users`).toEqual([before] as never)
})

test('limits are inclusive, and characters are counted as people count them', async () => {
  const longest = `${'a'.repeat(250)}@b.c`
  for (const [at, password] of [
    [longest, 'x'.repeat(10)],
    [email(), 'x'.repeat(128)],
    [email(), '😀'.repeat(128)],
  ]) {
    const json = { email: at, password, name: 'n'.repeat(100) }
    expect((await open.call('POST', PATH, { json })).status).toBe(200)
  }
})

test('a taken e-mail is 409 in any spelling, also when all come at once', async () => {
  const at = email()
  const all = await Promise.all(
    [at, at.toUpperCase(), ` ${at}`, at].map(spelling =>
      open.call('POST', PATH, { json: { email: spelling, password: PASSWORD } }),
    ),
  )
  expect(all.map(response => response.status).toSorted()).toEqual([200, 409, 409, 409])
  const { status, body } = await answerOf(
    await open.call('POST', PATH, { json: { email: at, password: PASSWORD } }),
  )
  expect([status, body.code]).toEqual([409, 'CONFLICT'])
})

test('of simultaneous first sign-ups exactly one makes a user, in every round, on two replicas', async () => {
  const replica = await firstUser.startReplica()
  const signUpSix = () =>
    Promise.all(
      [firstUser, replica, firstUser, replica, firstUser, replica].map(({ call }) =>
        call('POST', PATH, { json: { email: email(), password: PASSWORD, signupCode: CODE } }),
      ),
    )
  for (let round = 0; round < 6; round += 1) {
    await firstUser.sql`truncate identity.users cascade`
    const all = await firstUser.raceOn('users', 6, signUpSix)
    const statuses = all.map(response => response.status).toSorted()
    expect(statuses).toEqual([200, 403, 403, 403, 403, 403])
    const [row] = await firstUser.sql`select count(*)::int as users from identity.users`
    expect(row?.users).toBe(1)
  }
}, 120_000)

test('sign-up is told as open until the first user exists', async () => {
  const providers = async () => (await answerOf(await firstUser.call('GET', '/api/auth/providers'))).body
  await firstUser.sql`truncate identity.users cascade`
  expect(await providers()).toEqual({ password: true, github: false, signUp: true })
  await firstUser.call('POST', PATH, { json: { email: email(), password: PASSWORD, signupCode: CODE } })
  expect(await providers()).toEqual({ password: true, github: false, signUp: false })
  const { status, body } = await answerOf(
    await firstUser.call('POST', PATH, { json: { email: email(), password: PASSWORD } }),
  )
  expect([status, body.code]).toEqual([403, 'FORBIDDEN'])
})

test('closed refuses even the first user, but a bad body first', async () => {
  const closed = await firstUser.startReplica({ AUTH_SIGNUP: 'closed' })
  await firstUser.sql`truncate identity.users cascade`
  const json = { email: email(), password: PASSWORD }
  expect((await closed.call('POST', PATH, { json })).status).toBe(403)
  expect((await closed.call('POST', PATH, { json: { ...json, password: 'short' } })).status).toBe(400)
})

test('AUTH_PASSWORD=off takes every password route away, whatever is sent', async () => {
  const off = await firstUser.startReplica({ AUTH_PASSWORD: 'off' })
  const as = { userId: crypto.randomUUID() }
  for (const path of [PATH, '/api/auth/sign-in/email', '/api/auth/password']) {
    const { status, body } = await answerOf(await off.call('POST', path, { as, body: '{' }))
    expect([path, status, body.code]).toEqual([path, 404, 'NOT_FOUND'])
  }
  const { body } = await answerOf(await off.call('GET', '/api/auth/providers'))
  expect(body).toEqual({ password: false, github: false, signUp: false })
})

test('PLATFORM_ACCESS_DEFAULT decides what a new user may use', async () => {
  const expected = { all: [true, true], ai: [true, false], sandbox: [false, true], none: [false, false] }
  for (const [setting, access] of Object.entries(expected)) {
    const { call } = await open.startReplica({ PLATFORM_ACCESS_DEFAULT: setting })
    const at = email()
    await call('POST', PATH, { json: { email: at, password: PASSWORD } })
    const [user] = await open.sql`select * from identity.users where email = ${at}`
    expect([setting, user?.allow_platform_ai, user?.allow_platform_sandbox]).toEqual([setting, ...access])
  }
})

test('the first sign-up needs the code, unless it is made on the machine and nobody else gets to it', async () => {
  const withoutCode = await firstUser.startReplica({ AUTH_SIGNUP_CODE: undefined })
  const loopback = await firstUser.startReplica({ PUBLIC_BASE_URL: 'http://localhost:8787' })
  const body = () => ({ email: email(), password: PASSWORD })
  const attempt = async (call: IdentityBench['call'], more: object) => {
    await firstUser.sql`truncate identity.users cascade`
    const answer = await answerOf(await call('POST', PATH, { json: { ...body(), ...more } }))
    const [user] =
      await firstUser.sql`select host_access_granted_at is not null as granted from identity.users`
    return [answer.status, answer.body.field ?? null, user?.granted ?? null]
  }
  const refused = [403, 'signupCode', null]
  const made = [200, null, true]
  expect(await attempt(firstUser.call, {})).toEqual(refused)
  expect(await attempt(firstUser.call, { signupCode: null })).toEqual(refused)
  expect(await attempt(firstUser.call, { signupCode: `${CODE}x` })).toEqual(refused)
  expect(await attempt(firstUser.call, { signupCode: 'é'.repeat(22) })).toEqual(refused)
  expect(await attempt(firstUser.call, { signupCode: CODE })).toEqual(made)
  // On the machine, but others get to it as well.
  expect(await attempt(fromThisMachine(firstUser.call), {})).toEqual(refused)
  expect(await attempt(loopback.call, {})).toEqual(refused)
  expect(await attempt(loopback.call, { signupCode: CODE })).toEqual(made)
  expect(await attempt(fromThisMachine(loopback.call), {})).toEqual(made)
  expect(await attempt(withoutCode.call, { signupCode: '' })).toEqual(refused)
  expect(await attempt(withoutCode.call, { signupCode: 'undefined' })).toEqual(refused)
})

test('with open sign-up the first user needs no code, and gets no host access without it', async () => {
  const replica = await firstUser.startReplica({ AUTH_SIGNUP: 'open' })
  const grantedTo = async (...bodies: object[]) => {
    await firstUser.sql`truncate identity.users cascade`
    for (const more of bodies) {
      const json = { email: email(), password: PASSWORD, ...more }
      expect((await replica.call('POST', PATH, { json })).status).toBe(200)
    }
    const rows = await firstUser.sql`select host_access_granted_at is not null as granted from identity.users
      order by created_at, id`
    return rows.map(({ granted }) => granted)
  }
  expect(await grantedTo({}, { signupCode: CODE })).toEqual([false, false])
  expect(await grantedTo({ signupCode: CODE }, { signupCode: CODE }, {})).toEqual([true, false, false])
})

test('a code that could be guessed stops the start', async () => {
  for (const AUTH_SIGNUP_CODE of ['short', 'a'.repeat(21), `${'a'.repeat(22)}!`])
    await expect(firstUser.startReplica({ AUTH_SIGNUP_CODE })).rejects.toThrow('AUTH_SIGNUP_CODE')
})

test('the page asks for the code where it is needed', async () => {
  await firstUser.sql`truncate identity.users cascade`
  const loopback = await firstUser.startReplica({ PUBLIC_BASE_URL: 'http://localhost:8787' })
  const pages = [firstUser.call, fromThisMachine(loopback.call), open.call].map(async call =>
    (await (await call('GET', '/login')).text()).includes('name="signupCode"'),
  )
  expect(await Promise.all(pages)).toEqual([true, false, false])
})
