/** GitHub from end to end: sign in there, have its App installed, and let an agent push to what it covers. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { serveHttpRemote } from '@mogplex/kit/test-bench/git-http-remote.ts'
import { startTestGithub } from '@mogplex/kit/test-bench/github.ts'
import { call, makeToken, OPEN_DOORS } from './accounts.ts'
import { type System, startSystem } from './launch.ts'
import { GIT_ROOT, makeRemote } from './repositories.ts'
import { startRun, waitForEnd } from './runs.ts'
import { openStorage } from './stored.ts'
import { secretsIn, secretsInDatabase, secretsInFiles } from './traces.ts'

setDefaultTimeout(60_000)

const github = startTestGithub()
const { world } = github
// Only a token of an installation opens it.
const web = serveHttpRemote(GIT_ROOT, null)
web.accepts = ({ username, token }) => username === 'x-access-token' && world.given.has(token)

let system: System
beforeAll(async () => {
  system = await startSystem({
    env: {
      ...{ ...OPEN_DOORS, ...github.settings, ...world.appSettings, GITHUB_WEB_URL: web.origin },
      ...{ ENABLE_ECHO_HARNESS: 'true', LOG_LEVEL: 'debug' },
    },
  })
}, 60_000)
afterAll(async () => {
  await system.stop()
  await Promise.all([github.stop(), web.stop()])
})

interface Covered {
  github_app_covered: boolean
}
const account = { id: 5, login: 'ada-gh', emails: [] }
const cookieIn = (response: Response, name: string) =>
  response.headers
    .getSetCookie()
    .find(each => each.startsWith(name))
    ?.split(';')[0] ?? ''

async function signInByGithub(): Promise<{ cookie: string; token: string }> {
  const open = (path: string, cookie = '') =>
    fetch(system.baseUrl + path, { headers: { cookie }, redirect: 'manual' })
  const begun = await open('/api/auth/login/github')
  const back = github.visit(begun.headers.get('location') ?? '', account)
  const arrived = await open(back.pathname + back.search, cookieIn(begun, 'mogplex_oauth_state'))
  const cookie = cookieIn(arrived, 'mogplex_session')
  return { cookie, token: await makeToken(system, { cookie }) }
}

/** A token of the installation that is not kept for the next time, or GitHub's excuse. */
function mintOrFail(installationId: number, fails: boolean): Response {
  if (fails) return Response.json({ message: 'Unicorn!' }, { status: 502 })
  const token = `ghs_${crypto.randomUUID().replaceAll('-', '')}`
  world.given.set(token, { installationId, repositoryIds: null })
  return Response.json({ token, expires_at: new Date(Date.now() + 60_000).toISOString() }, { status: 201 })
}

/** A repository of Ada's that the installation covers. */
function cover(repo: { id: number; full_name: string }) {
  const remote = makeRemote()
  mkdirSync(join(GIT_ROOT, account.login), { recursive: true })
  symlinkSync(remote.path, join(GIT_ROOT, `${repo.full_name}.git`))
  const owner = { id: account.id, login: account.login, type: 'User' }
  const { repos = [] } = world.installations.get(501) ?? {}
  const known = [...repos, { ...repo, default_branch: 'main' }]
  world.installations.set(501, { id: 501, account: owner, target_type: 'User', repos: known })
  return remote
}

test('an agent pushes to a repository that the App covers, and no token of GitHub’s stays behind', async () => {
  const repo = { id: 7_001, full_name: `${account.login}/app` }
  const remote = cover(repo)
  const ada = await signInByGithub()
  const as = { cookie: ada.cookie }
  const installed = await call<unknown>(system, 'GET', '/api/github/installations', { as })
  expect(installed.body).toMatchObject([
    { installation_id: 501, repositories: [{ full_name: repo.full_name }] },
  ])
  const { body: user } = await call<unknown>(system, 'GET', '/api/auth/user', { as })
  expect(user).toMatchObject({
    user: { github_state: 'app_installed_with_synced_repos', github_covered_repo_count: 1 },
  })
  const [row] = (await call<{ id: string }[]>(system, 'GET', '/api/github/repos', { as })).body
  const { runId } = await startRun(system, ada, { repoId: row?.id ?? '', prompt: 'write there.txt yes' })
  const run = await waitForEnd(system, ada, runId)
  expect(run).toMatchObject({ status: 'success', branch: { base: 'main' }, delivery: { pushed: true } })
  expect(remote.read(run.branch.working, 'there.txt')).toStartWith('yes')

  const secrets = Object.fromEntries(
    [...world.given.keys(), ...github.issued()].map((token, index) => [`token ${index}`, token]),
  )
  const key = world.appSettings.GITHUB_APP_PRIVATE_KEY.split('\n')[5] ?? ''
  const all = { ...secrets, 'the key of the App': key }
  expect(Object.keys(all).length).toBeGreaterThanOrEqual(4)
  expect(await secretsInDatabase(system, all)).toEqual([])
  expect(secretsInFiles(system.home, all)).toEqual([])
  expect(secretsIn(system.output(), all, 'what the launcher prints')).toEqual([])
})

test('what an agent did is pushed though GitHub gives no token at first', async () => {
  const ada = await signInByGithub()
  const as = { cookie: ada.cookie }
  const remote = cover({ id: 7_002, full_name: `${account.login}/later` })
  await call(system, 'GET', '/api/github/installations?refresh=true', { as })
  const rows = await call<{ id: string; name: string }[]>(system, 'GET', '/api/repos', { as })
  const row = rows.body.find(({ name }) => name === 'later')
  let mints = 0
  github.broken.set('/app/installations/501/access_tokens', () => {
    mints += 1
    // The second question is failed at as often as it is tried.
    return mintOrFail(501, mints >= 2 && mints <= 4)
  })
  const { runId } = await startRun(system, ada, { repoId: row?.id ?? '', prompt: 'write more.txt yes' })
  const run = await waitForEnd(system, ada, runId)
  github.broken.clear()
  expect(run).toMatchObject({ status: 'success', delivery: { pushed: true } })
  expect(remote.read(run.branch.working, 'more.txt')).toStartWith('yes')
  expect(mints).toBe(5)
})

test('a sync that was queued is done though its process is killed', async () => {
  const ada = await signInByGithub()
  const as = { cookie: ada.cookie }
  cover({ id: 7_003, full_name: `${account.login}/known` })
  await call(system, 'GET', '/api/github/installations?refresh=true', { as })
  const repo = { id: 7_004, full_name: `${account.login}/queued` }
  cover(repo)
  const storage = await openStorage(system)
  const arrived = Promise.withResolvers<void>()
  const never = new Promise<Response>(() => undefined)
  github.broken.set('/installation/repositories', () => {
    arrived.resolve()
    return never
  })
  const json = { github_id: repo.id, full_name: repo.full_name }
  const { body: made } = await call<{ id: string }>(system, 'POST', '/api/repos', { as, json })
  await arrived.promise
  await system.kill('projects')
  github.broken.clear()
  // What it was about is taken up again when its lease is over, which is long.
  await storage.query(`update projects.sync_jobs set due_at = now() - interval '1 second'`)
  await system.ready('projects')
  const isCovered = async () => {
    const { body } = await call<Covered>(system, 'GET', `/api/repos/${made.id}`, { as })
    return body.github_app_covered
  }
  expect(await waitUntil(isCovered, { limitMs: 30_000, everyMs: 200 })).toBe(true)
  const isOver = async () => (await storage.query('select 1 from projects.sync_jobs')).length === 0
  expect(await waitUntil(isOver, { limitMs: 5_000, everyMs: 50 })).toBe(true)
  await storage.close()
})
