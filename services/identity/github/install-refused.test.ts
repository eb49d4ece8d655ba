/** Identity spec 3: coming back with an installation that is not the user's, or that nobody can say it of. */
import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test'
import { signUpSomebody } from '../test-bench.ts'
import {
  type AppBench,
  browser,
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

test('somebody else’s installation is refused, whatever the address says', async () => {
  const [ada, grace] = [await connectSomebody(bench), await connectSomebody(bench)]
  const hers = installationOn(grace.account)
  const { path, person } = await installTrip(bench.call, ada, { installation: installationOn(ada.account) })
  github.world.installations.set(hers.id, hers)
  const forged = path.replace(/installation_id=\d+/, `installation_id=${hers.id}`)
  expect((await person.open(forged)).location).toBe('/?error=github_installation_forbidden')
  expect(bench.projects.times('claim', ada.userId)).toBe(0)
  expect(await storedState(bench, ada)).toMatchObject({ mode: 'oauth', pending: true })
})

test('who only sees an installation is refused by the proof that projects asks for', async () => {
  for (const answersList of [true, false]) {
    const ada = await connectSomebody(bench)
    const members = { [ada.account.login]: { role: 'member', state: 'active' } as const }
    const org = { id: newAccount().id, login: 'the-org', members }
    github.world.orgs.push(org)
    if (!answersList) github.broken.set('/user/installations', notToOauthApps)
    bench.projects.claim = async () => ({ status: 'forbidden' })
    const installation = installationOn(org, 'Organization')
    const { enter } = await installTrip(bench.call, ada, { installation })
    expect((await enter()).location).toBe('/?error=github_installation_forbidden')
    expect(bench.projects.times('claim', ada.userId)).toBe(1)
    expect(await storedState(bench, ada)).toMatchObject({ mode: 'oauth', pending: true })
  }
})

test('what is no id of an installation is github_installation_invalid', async () => {
  const ada = await connectSomebody(bench)
  for (const id of ['', '0', '-5', '1e3', '1.0', ' 1', '９', '9007199254740993', 'x'.repeat(2_000)]) {
    const { path, person } = await installTrip(bench.call, ada, { installation: installationOn(ada.account) })
    const changed = path.replace(/installation_id=\d+/, `installation_id=${encodeURIComponent(id)}`)
    const { location } = await person.open(changed)
    expect([id, location]).toEqual([id, '/?error=github_installation_invalid'])
  }
  const { path, person } = await installTrip(bench.call, ada, { installation: installationOn(ada.account) })
  const without = path.replace(/installation_id=\d+&/, '')
  expect((await person.open(without)).location).toBe('/?error=github_installation_invalid')
})

test('what GitHub or projects do not say has a code, and leaves the install pending to be found later', async () => {
  const broken = (answer: () => Response) => () => github.broken.set('/user/installations', answer)
  const claiming = (claim: typeof bench.projects.claim) => () => {
    bench.projects.claim = claim
  }
  const cases: [string, () => void][] = [
    ['github_installation_fetch', broken(() => new Response(null, { status: 502 }))],
    ['github_installation_fetch', broken(() => new Response('<html>'))],
    ['github_installation_fetch', broken(() => Response.json({ total_count: 1 }))],
    ['github_installation_fetch', broken(() => Response.redirect('http://127.0.0.1:1/'))],
    ['github_installation_fetch', claiming(async () => ({ status: 'unreachable' }))],
    ['github_installation_persist', claiming(bench.projects.fails)],
  ]
  for (const [code, spoil] of cases) {
    const ada = await connectSomebody(bench)
    const { enter } = await installTrip(bench.call, ada, { installation: installationOn(ada.account) })
    github.broken.clear()
    spoil()
    expect((await enter()).location).toBe(`/?error=${code}`)
    expect(await storedState(bench, ada)).toMatchObject({ mode: 'oauth', pending: true, after: null })
  }
})

test('while projects is away the install stays pending: github_installation_persist', async () => {
  const alone = await startIdentityWithApp()
  const ada = await connectSomebody(alone)
  const { enter } = await installTrip(alone.call, ada, { installation: installationOn(ada.account) })
  await alone.endProjects()
  expect((await enter()).location).toBe('/?error=github_installation_persist')
  expect(await storedState(alone, ada)).toMatchObject({ mode: 'oauth', pending: true, after: null })
  await alone.stop()
})

test('a new token that GitHub does not take either ends the trip', async () => {
  const ada = await connectSomebody(bench)
  github.broken.set('/user/installations', () => Response.json({}, { status: 401 }))
  const { enter, person } = await installTrip(bench.call, ada, { installation: installationOn(ada.account) })
  const back = github.visit((await enter()).location, ada.account)
  expect((await person.open(back.pathname + back.search)).location).toBe('/?error=github_installation_fetch')
})

test('who does not give a token has connected nothing', async () => {
  const ada = await signUpSomebody(bench)
  const trip = await installTrip(bench.call, ada, { installation: installationOn(newAccount()) })
  const back = github.visit((await trip.enter()).location, 'deny')
  expect((await trip.person.open(back.pathname + back.search)).location).toBe('/?error=github_token_error')
  const { call } = await bench.startReplica({ GITHUB_CLIENT_SECRET: '' })
  const grace = await installTrip(call, await signUpSomebody(bench), {
    installation: installationOn(newAccount()),
  })
  expect((await grace.enter()).location).toBe('/?error=github_installation_forbidden')
})

test('the state is of this browser, this person and this trip', async () => {
  const [ada, grace] = [await connectSomebody(bench), await connectSomebody(bench)]
  const { path, person } = await installTrip(bench.call, ada, { installation: installationOn(ada.account) })
  const failed = '/?error=invalid_state'
  expect((await browser(bench.call, ada).open(path)).location).toBe(failed)
  const cookie = `mogplex_oauth_state=${new URL(path, 'http://x').searchParams.get('state')}`
  const stolen = await bench.call('GET', path, { as: { userId: grace.userId }, headers: { cookie } })
  expect(stolen.headers.get('location')).toBe(failed)
  const asSignIn = await bench.call('GET', path.replace('github/callback', 'callback/github'), {
    headers: { cookie },
  })
  expect(asSignIn.headers.get('location')).toBe('/login?error=invalid_state')
  expect(bench.projects.times('claim', ada.userId)).toBe(0)
  expect((await person.open(path)).location).toBe('/?github=connected')
})

test('of one trip that comes back many times at once, one claims', async () => {
  const ada = await connectSomebody(bench)
  const { enter } = await installTrip(bench.call, ada, { installation: installationOn(ada.account) })
  const answers = await Promise.all(Array.from({ length: 10 }, enter))
  const places = answers.map(({ location }) => location).toSorted()
  expect(places).toEqual([...Array(9).fill('/?error=invalid_state'), '/?github=connected'])
  expect(bench.projects.times('claim', ada.userId)).toBe(1)
})

test('two browsers that come back with one installation at once both see it connected', async () => {
  const ada = await connectSomebody(bench)
  const installation = installationOn(ada.account)
  const one = await installTrip(bench.call, ada, { installation })
  const other = await installTrip(bench.call, ada, { installation })
  const answers = await Promise.all([one.enter(), other.enter()])
  expect(answers.map(({ location }) => location)).toEqual(Array(2).fill('/?github=connected'))
  expect(await storedState(bench, ada)).toMatchObject({ mode: 'app', pending: null })
})
