/** Identity spec 3: installing the App of the instance, and coming back with the installation. */
import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test'
import { getGithubToken } from '@mogplex/proto/identity.ts'
import { signUpSomebody } from '../test-bench.ts'
import {
  type AppBench,
  browser,
  CONNECT,
  connectSomebody,
  github,
  installationOn,
  installTrip,
  newAccount,
  notToOauthApps,
  startIdentityWithApp,
  storedState,
} from './trips.ts'

let bench: AppBench
beforeAll(async () => {
  bench = await startIdentityWithApp()
})
afterAll(() => bench.stop())
afterEach(() => {
  github.broken.clear()
  bench.projects.claim = async () => ({ status: 'bound', isSynced: true })
})

test('the way to an App is its install page, and pending for a day', async () => {
  const ada = await signUpSomebody(bench)
  await bench.sql`update identity.users set github_reconcile_after = now() + interval '5 minutes'
    where id = ${ada.userId}`
  const { status, location, set } = await browser(bench.call, ada).open(CONNECT)
  const [page, state] = location.split('?state=')
  expect([status, page]).toEqual([302, `${github.settings.GITHUB_URL}/apps/mogplex-test/installations/new`])
  expect(set).toStartWith(`mogplex_oauth_state=${state};`)
  expect(await storedState(bench, ada)).toMatchObject({ pending: true, after: null })
})

test('an App that does not work is not offered; while projects is away, one that is set is', async () => {
  const ada = await signUpSomebody(bench)
  bench.projects.isAppAvailable = false
  expect((await browser(bench.call, ada).open(CONNECT)).location).toContain('/login/oauth/authorize?')
  bench.projects.isAppAvailable = true
  const alone = await startIdentityWithApp({ GITHUB_WEB_URL: 'https://web.corp/' })
  await alone.endProjects()
  const grace = await signUpSomebody(alone)
  const { location } = await browser(alone.call, grace).open(CONNECT)
  expect(location).toStartWith('https://web.corp/apps/mogplex-test/installations/new?state=')
  await alone.stop()
})

test('somebody comes back with their installation, and it is asked for in their name', async () => {
  const ada = await connectSomebody(bench)
  const installation = installationOn(ada.account)
  const { enter } = await installTrip(bench.call, ada, { installation })
  const { status, location, set } = await enter()
  expect([status, location]).toEqual([302, '/?github=connected'])
  expect(set).toContain('Max-Age=0')
  expect(bench.projects.asked.at(-1)).toEqual({
    ...{ what: 'claim', userId: ada.userId, installationId: installation.id },
  })
  expect(await storedState(bench, ada)).toMatchObject({ mode: 'app', pending: null, after: null })
  expect((await enter()).location).toBe('/?error=invalid_state')
  expect(bench.projects.times('claim', ada.userId)).toBe(1)
})

test('an installation whose repositories could not be read yet is connected all the same', async () => {
  const ada = await connectSomebody(bench)
  bench.projects.claim = async () => ({ status: 'bound', isSynced: false })
  const { enter } = await installTrip(bench.call, ada, { installation: installationOn(ada.account) })
  expect((await enter()).location).toBe('/?github=connected&repo_sync=failed')
  expect(await storedState(bench, ada)).toMatchObject({ mode: 'app', pending: null })
})

test('where GitHub lists installations to no token of this kind, that proof decides alone', async () => {
  const ada = await connectSomebody(bench)
  github.broken.set('/user/installations', notToOauthApps)
  const { enter } = await installTrip(bench.call, ada, { installation: installationOn(ada.account) })
  expect((await enter()).location).toBe('/?github=connected')
})

test('GitHub’s list is read to its end, and no further', async () => {
  const [ada, grace] = [await connectSomebody(bench), await connectSomebody(bench)]
  for (let made = 0; made < 65; made += 1) {
    const other = installationOn(ada.account)
    github.world.installations.set(other.id, other)
  }
  const { enter } = await installTrip(bench.call, ada, { installation: installationOn(ada.account) })
  expect((await enter()).location).toBe('/?github=connected')
  const hers = await installTrip(bench.call, ada, { installation: installationOn(grace.account) })
  expect((await hers.enter()).location).toBe('/?error=github_installation_forbidden')
})

test('who has no token of GitHub is sent for one, and comes back to the installation with it', async () => {
  const [ada, account] = [await signUpSomebody(bench), newAccount()]
  const installation = installationOn(account)
  const { enter, person } = await installTrip(bench.call, ada, { installation })
  const sent = await enter()
  expect(bench.projects.times('claim', ada.userId)).toBe(0)
  const back = github.visit(sent.location, account)
  expect(github.asked().get('scope')).toBe('repo read:user')
  expect((await person.open(back.pathname + back.search)).location).toBe('/?github=connected')
  expect(bench.projects.asked.at(-1)?.installationId).toBe(installation.id)
  expect((await bench.ask(getGithubToken, { userId: ada.userId })).github?.login).toBe(account.login)
  expect(await storedState(bench, ada)).toMatchObject({
    mode: 'app',
    pending: null,
    account: String(account.id),
  })
})

test('the same with a token that GitHub does not take any more, or that cannot be opened', async () => {
  const expire = async () => {
    github.broken.set('/user/installations', () => Response.json({}, { status: 401 }))
  }
  const spoil = ({ userId }: { userId: string }) =>
    bench.sql`update identity.oauth_tokens set key_version = 'gone' where user_id = ${userId}`
  for (const end of [expire, spoil]) {
    const ada = await connectSomebody(bench)
    const trip = await installTrip(bench.call, ada, { installation: installationOn(ada.account) })
    await end(ada)
    const back = github.visit((await trip.enter()).location, ada.account)
    github.broken.clear()
    expect((await trip.person.open(back.pathname + back.search)).location).toBe('/?github=connected')
  }
})

test('GitHub may bring account and installation at once', async () => {
  const [ada, account] = [await signUpSomebody(bench), newAccount()]
  const { enter } = await installTrip(bench.call, ada, { installation: installationOn(account), account })
  expect((await enter()).location).toBe('/?github=connected')
  expect(await storedState(bench, ada)).toMatchObject({ mode: 'app', account: String(account.id) })
  const grace = await signUpSomebody(bench)
  const taken = await installTrip(bench.call, grace, { installation: installationOn(account), account })
  expect((await taken.enter()).location).toBe('/?error=github_account_in_use')
  expect(bench.projects.times('claim', grace.userId)).toBe(0)
})

test('an owner who was asked to install it is waited for, with a token to find it by', async () => {
  const ada = await connectSomebody(bench)
  const { enter } = await installTrip(bench.call, ada, { installation: null })
  expect((await enter()).location).toBe('/?github=requested')
  expect(await storedState(bench, ada)).toMatchObject({ mode: 'oauth', pending: true })
  const [grace, account] = [await signUpSomebody(bench), newAccount()]
  const trip = await installTrip(bench.call, grace, { installation: null })
  const back = github.visit((await trip.enter()).location, account)
  expect((await trip.person.open(back.pathname + back.search)).location).toBe('/?github=connected')
  expect(await storedState(bench, grace)).toMatchObject({
    mode: 'oauth',
    pending: true,
    account: String(account.id),
  })
})
