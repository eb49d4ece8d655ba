/** The GitHub App on the whole product: installing it, coming back, and what is then here (identity spec 3, 4). */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { type GithubAccount, startTestGithub } from '@mogplex/kit/test-bench/github.ts'
import { nextGithubId, type WorldInstallation } from '@mogplex/kit/test-bench/github-world.ts'
import { type Account, call, OPEN_DOORS, signUpWithToken } from './accounts.ts'
import { type System, startSystem } from './launch.ts'

setDefaultTimeout(60_000)

const github = startTestGithub()
const { world } = github
let system: System
beforeAll(async () => {
  system = await startSystem({ env: { ...OPEN_DOORS, ...github.settings, ...world.appSettings } })
}, 60_000)
afterAll(async () => {
  await system.stop()
  await github.stop()
})

const newAccount = (): GithubAccount => {
  const id = nextGithubId()
  return { id, login: `person-${id}`, emails: [] }
}
const newRepo = ({ login }: GithubAccount, name: string) => ({
  ...{ id: nextGithubId(), full_name: `${login}/${name}`, default_branch: 'trunk' },
})
const installationOn = ({ id, login }: GithubAccount, ...names: string[]): WorldInstallation => ({
  ...{ id: nextGithubId(), account: { id, login, type: 'User' }, target_type: 'User' },
  repos: names.map(name => newRepo({ id, login, emails: [] }, name)),
})

/** Somebody signed in, in a browser of theirs. */
function browserOf({ cookie }: Account) {
  let trip = ''
  return async (path: string): Promise<string> => {
    const headers = { cookie: trip ? `${cookie}; ${trip}` : cookie }
    const response = await fetch(system.baseUrl + path, { headers, redirect: 'manual' })
    const set = response.headers.getSetCookie().find(each => each.startsWith('mogplex_oauth_state='))
    if (set) trip = set.split(';')[0] ?? ''
    return response.headers.get('location') ?? ''
  }
}

/** Goes to install the App; resolves with the path GitHub sends the browser back to. */
async function install(open: (path: string) => Promise<string>, installation: WorldInstallation | null) {
  const setupUrl = `http://localhost:${system.port}/api/auth/github/callback`
  const back = github.install(await open('/api/auth/github'), { installation, setupUrl })
  return back.pathname + back.search
}

/** Gives the token that GitHub asks for on `page`, and comes back. */
function authorize(open: (path: string) => Promise<string>, page: string, account: GithubAccount) {
  const back = github.visit(page, account)
  return open(back.pathname + back.search)
}

const userOf = async (as: Account) =>
  (await call<{ user: Record<string, unknown> }>(system, 'GET', '/api/auth/user', { as })).body.user
const installationsOf = async (as: Account) =>
  (await call<Record<string, unknown>[]>(system, 'GET', '/api/github/installations', { as })).body

test('somebody signs up, installs the App, and imports what it covers', async () => {
  const [ada, account] = [await signUpWithToken(system), newAccount()]
  const open = browserOf(ada)
  expect(await userOf(ada)).toMatchObject({
    github_state: 'disconnected',
    github_primary_action: { kind: 'install', href: '/api/auth/github' },
  })
  const installation = installationOn(account, 'app')
  const path = await install(open, installation)
  expect(await userOf(ada)).toMatchObject({ github_state: 'app_install_pending' })
  expect(await authorize(open, await open(path), account)).toBe('/?github=connected')
  expect(await userOf(ada)).toMatchObject({
    ...{ github_state: 'app_installed_with_synced_repos', github_status_label: 'Ready' },
    ...{ github_username: account.login, github_connection_mode: 'app', github_install_pending: false },
    ...{ github_installation_count: 1, github_synced_repo_count: 1, github_covered_repo_count: 1 },
  })
  expect(await installationsOf(ada)).toMatchObject([
    {
      ...{ installation_id: installation.id, account_login: account.login },
      repositories: [{ full_name: `${account.login}/app` }],
    },
  ])

  const added = newRepo(account, 'tools')
  installation.repos.push(added)
  const json = { full_name: added.full_name, github_id: added.id }
  const imported = await call<{ id: string }>(system, 'POST', '/api/repos', { as: ada, json })
  const covered = async () => (await userOf(ada)).github_covered_repo_count === 2
  expect(await waitUntil(covered, { limitMs: 20_000 })).toBe(true)
  const [shown] = await installationsOf(ada)
  expect(shown?.repositories).toContainEqual({ id: imported.body.id, full_name: added.full_name })
})

/** Somebody who has installed the App on their own account. */
async function installedPerson() {
  const [person, account] = [await signUpWithToken(system), newAccount()]
  const [open, installation] = [browserOf(person), installationOn(account, 'app')]
  const path = await install(open, installation)
  expect(await authorize(open, await open(path), account)).toBe('/?github=connected')
  return { ...person, open, account, installation }
}

test('an installation of somebody else stays theirs, whoever names it', async () => {
  const [ada, grace] = [await installedPerson(), await installedPerson()]
  for (const listing of ['of the App', 'of an OAuth app']) {
    if (listing === 'of an OAuth app')
      github.broken.set('/user/installations', () => Response.json({}, { status: 403 }))
    const path = await install(grace.open, installationOn(grace.account))
    const forged = path.replace(/installation_id=\d+/, `installation_id=${ada.installation.id}`)
    expect([listing, await grace.open(forged)]).toEqual([listing, '/?error=github_installation_forbidden'])
    github.broken.clear()
  }
  const ids = (await installationsOf(grace)).map(each => each.installation_id)
  expect(ids).not.toContain(ada.installation.id)
  expect((await installationsOf(ada)).map(each => each.installation_id)).toEqual([ada.installation.id])
})

test('of a callback that comes twice at once, one connects', async () => {
  const ada = await installedPerson()
  const path = await install(ada.open, ada.installation)
  const places = await Promise.all([ada.open(path), ada.open(path)])
  expect(places.toSorted()).toEqual(['/?error=invalid_state', '/?github=connected'])
  expect(await installationsOf(ada)).toHaveLength(1)
})

test('an owner is asked to install it; what they install while projects stands still is found when it goes on', async () => {
  const [ada, account] = [await signUpWithToken(system), newAccount()]
  const open = browserOf(ada)
  const asked = await install(open, null)
  expect(await authorize(open, await open(asked), account)).toBe('/?github=connected')
  expect(await userOf(ada)).toMatchObject({ github_state: 'app_install_pending', github_connected: true })

  const path = await install(open, installationOn(account, 'app'))
  const pid = system.state().processes.projects?.pid ?? 0
  process.kill(pid, 'SIGSTOP')
  const place = await open(path)
  const meanwhile = await userOf(ada)
  process.kill(pid, 'SIGCONT')
  expect(place).toBe('/?error=github_installation_persist')
  expect(meanwhile).toMatchObject({ github_state: 'app_install_pending', degraded: ['github'] })
  const isFound = async () => (await userOf(ada)).github_state === 'app_installed_with_synced_repos'
  expect(await waitUntil(isFound, { limitMs: 20_000 })).toBe(true)
})
