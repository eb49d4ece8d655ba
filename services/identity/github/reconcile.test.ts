/** Identity spec 4: what `GET /api/auth/user` says of GitHub, and when it looks for installations. */
import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test'
import { signUpSomebody } from '../test-bench.ts'
import {
  type AppBench,
  browser,
  CONNECT,
  connectSomebody,
  newAccount,
  startIdentityWithApp,
  storedState,
} from './trips.ts'

let bench: AppBench
beforeAll(async () => {
  bench = await startIdentityWithApp()
})
afterAll(() => bench.stop())
afterEach(() => {
  bench.projects.isAppAvailable = true
  bench.projects.reconcile = async () => 0
})

type Person = { userId: string }
const shown = async (as: Person, call = bench.call) => {
  const response = await call('GET', '/api/auth/user', { as })
  expect(response.status).toBe(200)
  return ((await response.json()) as { user: Record<string, unknown> }).user
}
const reconciles = ({ userId }: Person) => bench.projects.times('reconcile', userId)
const restsForMinutes = async ({ userId }: Person) => {
  const [row] = await bench.sql`select ceil(extract(epoch from github_reconcile_after - now()) / 60)::int
    as minutes from identity.users where id = ${userId}`
  return row?.minutes
}
/** From now on, as projects counts. */
const counted = ({ userId }: Person, installationCount: number, coveredRepoCount: number) =>
  bench.projects.counts.set(userId, { installationCount, coveredRepoCount, syncedRepoCount: 9 })

test('each state has its label, and leads on', async () => {
  const ada = await signUpSomebody(bench)
  const install = { kind: 'install', href: '/api/auth/github' }
  expect(await shown(ada)).toMatchObject({
    ...{ github_state: 'disconnected', github_status_label: 'Not connected', github_primary_action: install },
    ...{ github_app_available: true, github_connected: false, github_connection_mode: null },
  })
  const grace = await connectSomebody(bench)
  expect(await shown(grace)).toMatchObject({
    ...{ github_state: 'oauth_connected', github_status_label: 'OAuth only', github_primary_action: install },
    ...{ github_connected: true, github_connection_mode: 'oauth' },
  })
  await browser(bench.call, grace).open(CONNECT)
  expect(await shown(grace)).toMatchObject({
    ...{ github_state: 'app_install_pending', github_status_label: 'Install pending' },
    github_primary_action: { kind: 'complete_install', href: '/api/auth/github' },
    ...{ github_install_pending: true, github_connection_mode: 'oauth', github_app_connected: false },
  })
  counted(grace, 1, 0)
  expect(await shown(grace)).toMatchObject({
    ...{ github_state: 'app_installed', github_status_label: 'App installed' },
    github_primary_action: { kind: 'open_spaces', href: '/projects/repositories' },
    ...{ github_install_pending: false, github_connection_mode: 'app', github_app_connected: true },
  })
  counted(grace, 1, 4)
  expect(await shown(grace)).toMatchObject({
    ...{ github_state: 'app_installed_with_synced_repos', github_status_label: 'Ready' },
    ...{ github_primary_action: null, github_installation_count: 1 },
    ...{ github_synced_repo_count: 9, github_covered_repo_count: 4 },
  })
})

test('a pending install that is over a day old is none', async () => {
  const ada = await connectSomebody(bench)
  await browser(bench.call, ada).open(CONNECT)
  await bench.sql`update identity.users set github_install_pending_until = now() - interval '1 second'
    where id = ${ada.userId}`
  expect(await shown(ada)).toMatchObject({ github_state: 'oauth_connected', github_install_pending: false })
})

test('an installation that nobody came back with is found, with what it covers', async () => {
  const ada = await connectSomebody(bench)
  await browser(bench.call, ada).open(CONNECT)
  bench.projects.reconcile = async () => {
    counted(ada, 1, 2)
    return 2
  }
  expect(await shown(ada)).toMatchObject({
    ...{ github_state: 'app_installed_with_synced_repos', github_install_pending: false },
    // The greater of what was found and what is counted.
    ...{ github_installation_count: 2, github_covered_repo_count: 2 },
  })
  expect(await storedState(bench, ada)).toMatchObject({ mode: 'app', pending: null, after: null })
  expect(await shown(ada)).toMatchObject({ github_installation_count: 1 })
  expect(reconciles(ada)).toBe(1)
})

test('where nothing is found, nobody looks for five minutes, unless something was done about it', async () => {
  const ada = await connectSomebody(bench)
  await shown(ada)
  expect(await restsForMinutes(ada)).toBe(5)
  await shown(ada)
  expect(reconciles(ada)).toBe(1)
  await bench.sql`update identity.users set github_reconcile_after = now() - interval '1 second'
    where id = ${ada.userId}`
  await shown(ada)
  expect(reconciles(ada)).toBe(2)
  await browser(bench.call, ada).open(CONNECT)
  await shown(ada)
  expect(reconciles(ada)).toBe(3)
  // A new token may see more.
  await browser(bench.call).trip(ada.account)
  await shown(ada)
  expect(reconciles(ada)).toBe(4)
})

test('however many ask at once, of however many replicas, one looks', async () => {
  const ada = await connectSomebody(bench)
  const { call } = await bench.startReplica()
  const calls = [bench.call, call, bench.call, call, bench.call, call, bench.call, call]
  const answers = await bench.raceOn('users', calls.length, () =>
    Promise.all(calls.map(each => shown(ada, each))),
  )
  expect(answers.map(({ github_state }) => github_state)).toEqual(calls.map(() => 'oauth_connected'))
  expect(reconciles(ada)).toBe(1)
})

test('a look that fails is no answer: it is still 200, and the next one looks again', async () => {
  const ada = await connectSomebody(bench)
  bench.projects.reconcile = bench.projects.fails
  const user = await shown(ada)
  expect(user).toMatchObject({ github_state: 'oauth_connected' })
  expect(user.degraded).toBeUndefined()
  expect(await storedState(bench, ada)).toMatchObject({ after: null })
  bench.projects.reconcile = async () => 1
  expect(await shown(ada)).toMatchObject({ github_state: 'app_installed', github_installation_count: 1 })
})

test('a look that takes long is not waited for; what it finds is there the next time', async () => {
  const ada = await connectSomebody(bench)
  const { promise, resolve } = Promise.withResolvers<number>()
  bench.projects.reconcile = () => promise
  expect(await shown(ada)).toMatchObject({ github_state: 'oauth_connected' })
  counted(ada, 1, 0)
  resolve(1)
  expect(await shown(ada)).toMatchObject({ github_state: 'app_installed' })
  expect(reconciles(ada)).toBe(1)
}, 30_000)

test('nobody looks without an App, for nobody, or where there is something', async () => {
  const ada = await connectSomebody(bench)
  bench.projects.isAppAvailable = false
  expect(await shown(ada)).toMatchObject({ github_state: 'oauth_connected', github_primary_action: null })
  bench.projects.isAppAvailable = true
  const some: [number, number][] = [
    [1, 0],
    [0, 1],
  ]
  for (const [installations, covered] of some) {
    counted(ada, installations, covered)
    expect(await shown(ada)).toMatchObject({ github_app_connected: true })
  }
  expect(reconciles(ada)).toBe(0)
  expect((await bench.call('GET', '/api/auth/user')).status).toBe(200)
})

test('an installation that projects came to know by itself ends the waiting for it', async () => {
  const ada = await connectSomebody(bench)
  await browser(bench.call, ada).open(CONNECT)
  counted(ada, 1, 0)
  await shown(ada)
  counted(ada, 0, 0)
  expect(await shown(ada)).toMatchObject({ github_state: 'oauth_connected' })
})

test('while projects is away a pending install stays pending, and what was known stays known', async () => {
  const alone = await startIdentityWithApp()
  const [ada, grace] = [await signUpSomebody(alone), await connectSomebody(alone, newAccount())]
  alone.projects.counts.set(grace.userId, { installationCount: 1 })
  await shown(grace, alone.call)
  await browser(alone.call, ada).open(CONNECT)
  await alone.endProjects()
  expect(await shown(ada, alone.call)).toMatchObject({
    ...{ github_state: 'app_install_pending', degraded: ['github'] },
  })
  expect(await shown(grace, alone.call)).toMatchObject({
    ...{ github_state: 'app_installed', degraded: ['github'] },
  })
  expect(alone.projects.asked.filter(({ what }) => what === 'reconcile')).toEqual([])
  await alone.stop()
})
