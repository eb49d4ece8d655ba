/** Identity spec 3: signing in by way of GitHub. */
import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test'
import { sha256Hex } from '@mogplex/kit/ids.ts'
import type { GithubAccount } from '@mogplex/kit/test-bench/github.ts'
import { getGithubToken, resolveSession } from '@mogplex/proto/identity.ts'
import {
  fromThisMachine,
  type IdentityBench,
  signUpSomebody,
  startIdentity,
  tokenOfCookie,
} from '../test-bench.ts'
import { browser, CONNECT, github, LOGIN, newAccount } from './trips.ts'

let bench: IdentityBench
beforeAll(async () => {
  bench = await startIdentity(github.settings)
})
afterAll(() => bench.stop())
afterEach(() => github.broken.clear())

const sessionOf = (response: Response) =>
  response.headers.getSetCookie().find(each => each.startsWith('mogplex_session=')) ?? null
const usersWith = (githubUserId: number) =>
  bench.sql`select * from identity.users where github_user_id = ${githubUserId}`

test('302 to GitHub with scopes, proof key and a state that only this browser has', async () => {
  const { status, location, set } = await browser(bench.call).open(`${LOGIN}?next=%2Fcli-auth%3Fa%3Db`)
  expect(status).toBe(302)
  expect(set).toMatch(
    /^mogplex_oauth_state=[\w-]{43}; HttpOnly; SameSite=Lax; Path=\/api\/auth; Max-Age=600$/,
  )
  const url = new URL(location)
  expect(url.origin + url.pathname).toBe(`${github.settings.GITHUB_URL}/login/oauth/authorize`)
  expect(Object.fromEntries(url.searchParams)).toEqual({
    ...{
      client_id: github.settings.GITHUB_CLIENT_ID,
      scope: 'read:user user:email repo',
      code_challenge_method: 'S256',
    },
    ...{ redirect_uri: 'http://mogplex.test/api/auth/callback/github', state: expect.any(String) },
    code_challenge: expect.stringMatching(/^[\w-]{43}$/),
  })
  const state = url.searchParams.get('state') ?? ''
  expect(set).toContain(state)
  const [row] = await bench.sql`select * from identity.oauth_states where state_hash = ${sha256Hex(state)}`
  expect(row).toMatchObject({ purpose: 'login', next: '/cli-auth?a=b', used_at: null })
})

test('a new person gets an account, a session and ends where they wanted to go; the next time it is the same one', async () => {
  const account = newAccount()
  const { trip } = browser(bench.call)
  const { status, location, response, set } = await trip(account, `${LOGIN}?next=%2Fcli-auth%3Fa%3Db`)
  expect([status, location]).toEqual([302, '/cli-auth?a=b'])
  expect(set).toContain('Max-Age=0')
  const tokenHash = sha256Hex(tokenOfCookie(sessionOf(response)))
  const session = await bench.ask(resolveSession, { tokenHash })
  const [user] = await usersWith(account.id)
  expect(session).toMatchObject({ status: 'valid', userId: user?.id })
  expect(user).toMatchObject({
    ...{ email: account.emails[1]?.email, name: account.name, username: account.login },
    ...{ github_username: account.login, github_auth_mode: 'oauth', password_hash: null },
  })
  const renamed = { ...account, login: 'renamed', emails: [] }
  expect(sessionOf((await trip(renamed)).response)).not.toBeNull()
  const again = await usersWith(account.id)
  expect(again).toHaveLength(1)
  expect(again[0]).toMatchObject({ id: user?.id, github_username: 'renamed', username: account.login })
  const events =
    await bench.sql`select subject from identity.outbox where user_id = ${user?.id} order by sequence`
  expect(events.map(({ subject }) => subject.replace('evt.identity.', ''))).toEqual([
    ...['user.created', 'github.connected', 'user.signed-in', 'user.signed-in'],
  ])
})

test('the token is kept sealed, and given to those who may ask', async () => {
  const account = newAccount()
  await browser(bench.call).trip(account)
  const [user] = await usersWith(account.id)
  const { github: held } = await bench.ask(getGithubToken, { userId: user?.id })
  expect(held).toEqual({
    ...{ token: expect.stringMatching(/^gho_/), login: account.login, githubUserId: account.id },
  })
  const [row] = await bench.sql`select *, encode(ciphertext, 'escape') as text from identity.oauth_tokens
    where user_id = ${user?.id}`
  expect(row?.granted_scopes).toEqual(['read:user', 'user:email', 'repo'])
  const dump = await bench.sql`select (select json_agg(o)::text from identity.outbox o) as outbox,
    (select json_agg(s)::text from identity.oauth_states s) as states`
  expect(JSON.stringify([row, dump])).not.toContain(held?.token ?? 'no token')
  const { userId } = await signUpSomebody(bench)
  expect(await bench.ask(getGithubToken, { userId })).toEqual({ github: null })
})

test('invalid_state: used before, of another browser, of another purpose, unknown, missing, too old', async () => {
  const account = newAccount()
  const first = browser(bench.call)
  const { location } = await first.open(LOGIN)
  const back = github.visit(location, account)
  const path = back.pathname + back.search
  const failed = '/login?error=invalid_state'
  expect((await browser(bench.call).open(path)).location).toBe(failed)
  const other = browser(bench.call)
  await other.open(LOGIN)
  expect((await other.open(path)).location).toBe(failed)
  expect((await first.open(path)).location).toBe('/')
  expect((await first.open(path)).location).toBe(failed)
  for (const query of ['', '?state=', '?state=x&code=y']) {
    expect((await browser(bench.call).open(`/api/auth/callback/github${query}`)).location).toBe(failed)
  }
  const { userId } = await signUpSomebody(bench)
  const person = browser(bench.call, { userId })
  const connect = github.visit((await person.open(CONNECT)).location, account)
  expect((await person.open(`/api/auth/callback/github${connect.search}`)).location).toBe(failed)
  const late = browser(bench.call)
  const old = github.visit((await late.open(LOGIN)).location, account)
  await bench.sql`update identity.oauth_states set expires_at = now() - interval '1 second' where used_at is null`
  expect((await late.open(old.pathname + old.search)).location).toBe(failed)
})

test('of one trip that comes back many times at once, one signs in', async () => {
  const account = newAccount()
  const person = browser(bench.call)
  const back = github.visit((await person.open(LOGIN)).location, account)
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => person.open(back.pathname + back.search)),
  )
  expect(answers.filter(({ response }) => sessionOf(response) !== null)).toHaveLength(1)
  expect(await usersWith(account.id)).toHaveLength(1)
})

/** Trips of these accounts that have all come as far as the redirect back; `end` ends them at once. */
async function begunTrips(calls: IdentityBench['call'][], accounts: GithubAccount[]) {
  const people = await Promise.all(
    accounts.map(async (account, index) => {
      const person = browser(calls[index % calls.length] ?? bench.call)
      const { location } = await person.open(LOGIN)
      return { person, back: github.visit(location, account) }
    }),
  )
  return {
    end: () => Promise.all(people.map(({ person, back }) => person.open(back.pathname + back.search))),
  }
}

test('somebody new who signs in several times at once gets one account and all the sessions', async () => {
  const account = newAccount()
  const { end } = await begunTrips([bench.call], Array(4).fill(account))
  const answers = await bench.raceOn('users', 1, end)
  expect(answers.map(({ location }) => location)).toEqual(Array(4).fill('/'))
  expect(await usersWith(account.id)).toHaveLength(1)
})

test('of simultaneous first sign-ups exactly one makes a user, by way of GitHub too', async () => {
  const here = { PUBLIC_BASE_URL: 'http://localhost:8787', AUTH_SIGNUP: 'first-user' }
  const [one, other] = [await startIdentity({ ...github.settings, ...here }), newAccount()]
  const replica = await one.startReplica()
  const accounts = [other, newAccount(), newAccount(), newAccount()]
  const { end } = await begunTrips([one.call, replica.call].map(fromThisMachine), accounts)
  const places = (await one.raceOn('users', 4, end)).map(({ location }) => location).toSorted()
  expect(places).toEqual(['/', ...Array(3).fill('/login?error=signup_closed')])
  expect(await one.sql`select id from identity.users`).toHaveLength(1)
  await one.stop()
})

test('an operator who does not ask for e-mail addresses gets people without one', async () => {
  const { call } = await bench.startReplica({ GITHUB_LOGIN_SCOPES: 'read:user' })
  // What GitHub answers to a token that may not see them.
  github.broken.set('/user/emails', () => Response.json({ message: 'Not Found' }, { status: 404 }))
  const account = newAccount()
  expect((await browser(call).trip(account)).location).toBe('/')
  expect((await usersWith(account.id))[0]).toMatchObject({ email: null, username: account.login })
})

test('access_denied, and what GitHub does not say, end at the login with a code and without a session', async () => {
  const never = () => new Response('<html>', { headers: { 'content-type': 'text/html' } })
  const cases: [string, string | null, () => Response | Promise<Response>][] = [
    ['access_denied', null, never],
    ['github_token_exchange', '/login/oauth/access_token', () => new Response(null, { status: 502 })],
    ['github_token_exchange', '/login/oauth/access_token', never],
    [
      'github_token_exchange',
      '/login/oauth/access_token',
      () => Response.json({ error: 'bad_verification_code' }),
    ],
    ['github_token_exchange', '/login/oauth/access_token', () => Response.json({ access_token: '' })],
    ['github_token_exchange', '/login/oauth/access_token', () => Response.redirect('http://127.0.0.1:1/')],
    ['github_user_fetch', '/user', () => new Response(null, { status: 401 })],
    ['github_user_fetch', '/user', () => Response.json({ id: '1', login: 'x' })],
    ['github_user_fetch', '/user', () => Response.json({ id: 1, login: 'x'.repeat(500_000) })],
    ['github_user_fetch', '/user/emails', () => Response.json({})],
  ]
  for (const [code, path, instead] of cases) {
    github.broken.clear()
    if (path) github.broken.set(path, instead)
    const account = newAccount()
    const { location, response, status } = await browser(bench.call).trip(path ? account : 'deny')
    expect([status, location, sessionOf(response)]).toEqual([302, `/login?error=${code}`, null])
    expect(await usersWith(account.id)).toHaveLength(0)
  }
})

test('account_exists: an e-mail address of somebody here is no proof; an address GitHub has not verified is none at all', async () => {
  const { email, userId } = await signUpSomebody(bench)
  const taken = newAccount({ emails: [{ email: email.toUpperCase(), primary: true, verified: true }] })
  expect((await browser(bench.call).trip(taken)).location).toBe('/login?error=account_exists')
  expect(await usersWith(taken.id)).toHaveLength(0)
  const unverified = newAccount({ emails: [{ email, primary: true, verified: false }] })
  expect((await browser(bench.call).trip(unverified)).location).toBe('/')
  expect((await usersWith(unverified.id))[0]).toMatchObject({ email: null })
  const [user] = await bench.sql`select github_user_id from identity.users where id = ${userId}`
  expect(user?.github_user_id).toBeNull()
})

test('a disabled person is not let in', async () => {
  const account = newAccount()
  await browser(bench.call).trip(account)
  await bench.sql`update identity.users set disabled_at = now() where github_user_id = ${account.id}`
  const { location, response } = await browser(bench.call).trip(account)
  expect([location, sessionOf(response)]).toEqual(['/login?error=access_denied', null])
})

test('the first account needs the code by way of GitHub too, which comes back in a cookie', async () => {
  const code = Buffer.alloc(16, 5).toString('base64url')
  const first = { ...github.settings, AUTH_SIGNUP: 'first-user', AUTH_SIGNUP_CODE: code }
  const one = await startIdentity(first)
  const withCookie =
    (value: string): typeof one.call =>
    (method, path, request = {}) => {
      const cookie = [request.headers?.cookie, `mogplex_oauth_signup_code=${value}`]
        .filter(Boolean)
        .join('; ')
      return one.call(method, path, { ...request, headers: { ...request.headers, cookie } })
    }
  for (const call of [one.call, fromThisMachine(one.call), withCookie('x'), withCookie(`${code}x`)])
    expect((await browser(call).trip(newAccount())).location).toBe('/login?error=signup_code_needed')
  expect(await one.sql`select id from identity.users`).toHaveLength(0)
  const { location, response } = await browser(withCookie(code)).trip(newAccount())
  expect(location).toBe('/')
  expect(response.headers.getSetCookie().join()).toContain('mogplex_oauth_signup_code=; ')
  const [user] = await one.sql`select * from identity.users`
  expect(user?.host_access_granted_at).toBeDate()
  expect((await browser(one.call).trip(newAccount())).location).toBe('/login?error=signup_closed')
  await one.stop()
})

test('an address is proven by GitHub when it has verified it, for whom it is, and by nothing else', async () => {
  const proofOf = async (userId: string) =>
    (await bench.sql`select proven_email, email_proven_by from identity.users where id = ${userId}`)[0]
  const account = newAccount()
  await browser(bench.call).trip(account)
  const made = (await usersWith(account.id))[0]
  expect(made).toMatchObject({ proven_email: made?.email, email_proven_by: 'github' })

  const typed = await signUpSomebody(bench)
  expect((await proofOf(typed.userId))?.proven_email).toBeNull()
  const primary = { email: 'else@example.test', primary: true, verified: true }
  const link = (id: number) =>
    bench.sql`update identity.users set github_user_id = ${id} where id = ${typed.userId}`
  const returning = async (email: object) => {
    const theirs = newAccount({
      emails: [primary, { email: typed.email, primary: false, verified: true, ...email }],
    })
    await link(theirs.id)
    expect((await browser(bench.call).trip(theirs)).location).toBe('/')
    return (await proofOf(typed.userId))?.proven_email
  }
  expect(await returning({ verified: false })).toBeNull()
  // The sign for kelvin and a dotted capital I become plain letters in lower case.
  expect(await returning({ email: typed.email.replace('x', '\u212a') })).toBeNull()
  expect(await returning({ email: typed.email.toUpperCase() })).toBe(typed.email)
})

test('signup_closed when nobody may make an account; who has one comes in', async () => {
  const account = newAccount()
  await browser(bench.call).trip(account)
  for (const AUTH_SIGNUP of ['closed', 'first-user']) {
    const { call } = await bench.startReplica({ AUTH_SIGNUP })
    expect((await browser(call).trip(newAccount())).location).toBe('/login?error=signup_closed')
    expect((await browser(call).trip(account)).location).toBe('/')
  }
})

test('github_token_store without a key to encrypt with: nothing is kept, no account either', async () => {
  const { call, sql, stop } = await startIdentity({ ...github.settings, SECRETS_ENCRYPTION_KEY: '' })
  expect((await browser(call).trip(newAccount())).location).toBe('/login?error=github_token_store')
  expect(await sql`select id from identity.users`).toHaveLength(0)
  await stop()
})

test('without an OAuth app GitHub is not offered, and asking for it says so', async () => {
  const { call } = await bench.startReplica({ GITHUB_CLIENT_SECRET: '' })
  const { open } = browser(call)
  expect((await open(LOGIN)).location).toBe('/login?error=github_not_configured')
  expect((await open(`${LOGIN}?next=%2Fx`)).location).toBe('/login?error=github_not_configured&next=%2Fx')
  expect((await (await call('GET', '/api/auth/providers')).json()).github).toBe(false)
  expect((await (await bench.call('GET', '/api/auth/providers')).json()).github).toBe(true)
  const page = await (await bench.call('GET', '/login?next=%2Fx')).text()
  expect(page).toContain('href="/api/auth/login/github?next=%2Fx"')
})
