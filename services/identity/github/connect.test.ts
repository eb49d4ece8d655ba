/** Identity spec 3: connecting a GitHub account to an account that is there. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { getGithubToken } from '@mogplex/proto/identity.ts'
import { type IdentityBench, signUpSomebody, startIdentity } from '../test-bench.ts'
import { standInForProjects } from './projects-stand-in.ts'
import { browser, CONNECT, github, newAccount } from './trips.ts'

const projects = standInForProjects()
projects.isAppAvailable = false
let bench: IdentityBench
beforeAll(async () => {
  bench = await startIdentity(github.settings)
  await bench.answerAs('projects', projects.answers)
})
afterAll(() => bench.stop())

const usersWith = (githubUserId: number) =>
  bench.sql`select * from identity.users where github_user_id = ${githubUserId}`

test('somebody who is signed in connects an account, which is then nobody else’s', async () => {
  const account = newAccount()
  const [ada, grace] = [await signUpSomebody(bench), await signUpSomebody(bench)]
  const connected = await browser(bench.call, ada).trip(account, CONNECT)
  expect(github.asked().get('scope')).toBe('repo read:user')
  expect(connected.location).toBe('/?github=connected')
  expect(projects.times('sync', ada.userId)).toBe(1)
  expect((await usersWith(account.id))[0]).toMatchObject({
    id: ada.userId,
    github_auth_mode: 'oauth',
    email: ada.email,
  })
  const { github: held } = await bench.ask(getGithubToken, { userId: ada.userId })
  expect(held?.login).toBe(account.login)
  expect((await browser(bench.call, grace).trip(account, CONNECT)).location).toBe(
    '/?error=github_account_in_use',
  )
  expect((await browser(bench.call, ada).trip('deny', CONNECT)).location).toBe('/?error=github_token_error')
  // The trip is Ada's: Grace cannot end it, though the browser has its state.
  const cookie = (await browser(bench.call, ada).open(CONNECT)).set?.split(';')[0] ?? ''
  const headers = { cookie }
  const path = `/api/auth/github/callback?code=x&state=${cookie.split('=')[1]}`
  const stolen = await bench.call('GET', path, { as: { userId: grace.userId }, headers })
  expect(stolen.headers.get('location')).toBe('/?error=invalid_state')
})

test('what GitHub refuses or does not say has a code, and nothing is connected', async () => {
  const token = '/login/oauth/access_token'
  const cases: [string, string, () => Response][] = [
    ['github_token_error', token, () => Response.json({ error: 'bad_verification_code' })],
    ['github_token_exchange', token, () => new Response(null, { status: 502 })],
    ['github_user_fetch', '/user', () => new Response('<html>')],
  ]
  const { userId } = await signUpSomebody(bench)
  for (const [code, path, instead] of cases) {
    const account = newAccount()
    github.broken.set(path, instead)
    const { location } = await browser(bench.call, { userId }).trip(account, CONNECT)
    github.broken.clear()
    expect(location).toBe(`/?error=${code}`)
    expect(await usersWith(account.id)).toHaveLength(0)
  }
  const person = browser(bench.call, { userId })
  const state = (await person.open(CONNECT)).set?.match(/=([\w-]{43});/)?.[1]
  const { location } = await person.open(`/api/auth/github/callback?state=${state}`)
  expect(location).toBe('/?error=github_token_error')
})

test('github_token_store without a key to encrypt with: the account is not connected either', async () => {
  const without = await startIdentity({ ...github.settings, SECRETS_ENCRYPTION_KEY: '' })
  const [account, { userId }] = [newAccount(), await signUpSomebody(without)]
  const { location } = await browser(without.call, { userId }).trip(account, CONNECT)
  expect(location).toBe('/?error=github_token_store')
  const found = await without.sql`select id from identity.users where github_user_id = ${account.id}`
  expect(found).toHaveLength(0)
  await without.stop()
})

test('repositories that cannot be listed at once leave the account connected all the same', async () => {
  for (const sync of [async () => false, projects.fails]) {
    projects.sync = sync
    const [account, { userId }] = [newAccount(), await signUpSomebody(bench)]
    const { location } = await browser(bench.call, { userId }).trip(account, CONNECT)
    expect(location).toBe('/?github=connected&repo_sync=failed')
    expect(await usersWith(account.id)).toHaveLength(1)
  }
})

test('without an App an installation is nobody’s to claim', async () => {
  const { userId } = await signUpSomebody(bench)
  for (const [id, code] of [
    ['501', 'github_installation_forbidden'],
    ['0', 'github_installation_invalid'],
    ['-5', 'github_installation_invalid'],
    ['1e3', 'github_installation_invalid'],
    ['', 'github_installation_invalid'],
  ]) {
    const person = browser(bench.call, { userId })
    const back = github.visit((await person.open(CONNECT)).location, newAccount())
    const { location } = await person.open(`${back.pathname}${back.search}&installation_id=${id}`)
    expect([id, location]).toEqual([id, `/?error=${code}`])
  }
})
