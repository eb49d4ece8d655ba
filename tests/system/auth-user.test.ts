/** `GET /api/auth/user` on the whole product, also while a service it asks is away (identity spec 4). */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { type GithubAccount, startTestGithub } from '@mogplex/kit/test-bench/github.ts'
import { call, OPEN_DOORS, send, signUpWithToken } from './accounts.ts'
import { type System, startSystem } from './launch.ts'

setDefaultTimeout(120_000)

const github = startTestGithub()
let system: System
beforeAll(async () => {
  system = await startSystem({
    env: {
      ...OPEN_DOORS,
      PLATFORM_ACCESS_DEFAULT: 'sandbox',
      ...github.settings,
    },
  })
}, 120_000)
afterAll(async () => {
  await system.stop()
  await github.stop()
})

const userOf = async (as: { token?: string; cookie?: string }) =>
  (await call<{ user: Record<string, unknown> }>(system, 'GET', '/api/auth/user', { as })).body.user

test('nobody is null, a bad token 401; somebody sees what there is here, by token and by session', async () => {
  expect(await (await send(system, 'GET', '/api/auth/user')).json()).toEqual({ user: null })
  expect((await send(system, 'GET', '/api/auth/user', { as: { token: 'mog_bad' } })).status).toBe(401)
  const ada = await signUpWithToken(system)
  const user = await userOf({ token: ada.token })
  expect(user).toEqual({
    ...{
      id: ada.userId,
      email: ada.email,
      username: null,
      name: expect.any(String),
      avatar_url: null,
      github_username: null,
    },
    ...{ github_state: 'disconnected', github_connected: false, github_app_connected: false },
    ...{ github_connection_mode: null, github_app_available: false, github_install_pending: false },
    ...{ github_installation_count: 0, github_synced_repo_count: 0, github_covered_repo_count: 0 },
    ...{ github_status_label: 'Not connected', github_status_detail: expect.any(String) },
    github_primary_action: { kind: 'connect', label: expect.any(String), href: '/api/auth/github' },
    platform_access: { allowPlatformAi: false, allowPlatformSandbox: true },
    vercel: {
      ...{ platformState: 'ready', personalState: 'not_linked', linkedProjectState: 'none' },
      ...{ canUsePlatformOps: true, canLinkUserBillingProject: false, canUseUserBilling: false },
      ...{ statusLabel: 'Platform ready', statusDetail: expect.any(String) },
    },
    ...{ account_vercel_project_id: null, account_vercel_team_id: null },
  })
  expect(await userOf({ cookie: ada.cookie })).toEqual(user)
})

test('a person comes in by way of GitHub, through the gateway, and is seen as connected', async () => {
  const account: GithubAccount = {
    ...{ id: 4_711, login: 'grace-gh', name: 'Grace' },
    emails: [{ email: 'grace@example.test', primary: true, verified: true }],
  }
  const cookieOf = (response: Response, name: string) =>
    response.headers
      .getSetCookie()
      .find(each => each.startsWith(name))
      ?.split(';')[0] ?? ''
  const open = (path: string, cookie = '') =>
    fetch(system.baseUrl + path, { headers: { cookie }, redirect: 'manual' })
  const begun = await open('/api/auth/login/github?next=%2Fcli-auth')
  const back = github.visit(begun.headers.get('location') ?? '', account)
  expect(back.origin).toBe(`http://localhost:${system.port}`)
  const signedIn = await open(back.pathname + back.search, cookieOf(begun, 'mogplex_oauth_state'))
  expect([signedIn.status, signedIn.headers.get('location')]).toEqual([302, '/cli-auth'])
  const user = await userOf({ cookie: cookieOf(signedIn, 'mogplex_session') })
  expect(user).toMatchObject({
    ...{ username: 'grace-gh', github_username: 'grace-gh', github_state: 'oauth_connected' },
    ...{ github_connected: true, github_connection_mode: 'oauth', github_primary_action: null },
  })
})

test('a service that is away is said, and never taken for "not connected"', async () => {
  const ada = await signUpWithToken(system)
  await userOf(ada)
  // Frozen rather than killed: it would be back before somebody has asked.
  const frozen = (['projects', 'runtime'] as const).map(name => system.state().processes[name]?.pid ?? 0)
  for (const pid of frozen) process.kill(pid, 'SIGSTOP')
  const { degraded, vercel } = await userOf(ada)
  for (const pid of frozen) process.kill(pid, 'SIGCONT')
  expect([degraded, vercel]).toEqual([
    ['github'],
    expect.objectContaining({ platformState: 'not_configured' }),
  ])
  expect((await userOf(ada)).degraded).toBeUndefined()
})
