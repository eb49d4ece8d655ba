import { afterAll, beforeAll, expect, test } from 'bun:test'
import { getRepoSource } from '@mogplex/proto/projects.ts'
import { useGitHttpServer } from '../test-bench/git-http-server.ts'
import { makeBareRepository, useDirectory } from '../test-bench/git-repositories.ts'
import { newUser, startProjects } from '../test-bench/service.ts'

const root = useDirectory()
const credential = { username: 'me', token: 'first-token' }
const guarded = useGitHttpServer(root, credential)
const elsewhere = useGitHttpServer(root, { username: 'me', token: 'second-token' })
const bare = makeBareRepository(root, 'demo.git')
makeBareRepository(root, 'other.git')

let projects: Awaited<ReturnType<typeof startProjects>>
beforeAll(async () => {
  projects = await startProjects({ LOCAL_GIT_ROOTS: root })
})
afterAll(() => projects.stop())

type User = ReturnType<typeof newUser>
async function importRepo(user: User, fields: Record<string, unknown> = {}) {
  const body = { provider: 'git', remote_url: bare, ...fields }
  const answer = await projects.call(user, 'POST', '/api/repos', body)
  if (answer.status !== 200) throw new Error(JSON.stringify(answer.body))
  const path = `/api/repos/${answer.body.id}`
  return {
    id: String(answer.body.id),
    path,
    patch: (change: unknown) => projects.call(user, 'PATCH', path, change),
    read: async () => (await projects.call(user, 'GET', path)).body,
  }
}
const updatesOf = async (user: User) =>
  (await projects.eventsOf(user)).filter(({ subject }) => subject === 'evt.projects.repo.updated')

test('only fields that are present change, and the event names those that differ', async () => {
  const user = newUser()
  const repo = await importRepo(user, { dev_command: 'bun dev', dev_port: 8_080 })
  const before = await repo.read()
  const answer = await repo.patch({
    dev_port: '4000.5',
    dev_command: 'bun dev',
    is_favorite: 1,
    user_id: 'x',
  })
  expect(answer.status).toBe(200)
  expect(answer.body).toEqual({
    ...before,
    dev_port: 4_000,
    is_favorite: true,
    updated_at: answer.body.updated_at,
  })
  expect(await repo.read()).toEqual(answer.body)
  expect((await updatesOf(user)).map(({ payload }) => payload)).toEqual([
    { repoId: repo.id, fields: ['dev_port', 'is_favorite'] },
  ])
})

test('every setting can be changed, and set back', async () => {
  const repo = await importRepo(newUser())
  const wanted = {
    default_branch: 'next',
    root_directory: 'apps/web',
    install_command: 'bun install',
    dev_command: 'bun dev',
    dev_port: 4_000,
    dev_port_auto: false,
    sandbox_timeout_ms: 700_000,
    runtime: 'node24',
    env_sync_mode: 'sandbox-and-preview',
    sandbox_env_vars: { A: 'b' },
    is_favorite: true,
    is_hidden: true,
  }
  expect((await repo.patch(wanted)).body).toMatchObject({ ...wanted, sandbox_env_var_keys: ['A'] })
  const cleared = Object.fromEntries(Object.keys(wanted).map(name => [name, null]))
  expect((await repo.patch(cleared)).body).toMatchObject({
    ...cleared,
    default_branch: 'main',
    dev_port: 3_000,
    dev_port_auto: true,
    env_sync_mode: 'sandbox-only',
    sandbox_env_vars: {},
    sandbox_env_var_keys: [],
    is_favorite: false,
    is_hidden: false,
  })
})

test('what asks for no difference changes nothing and tells nothing', async () => {
  const user = newUser()
  const repo = await importRepo(user)
  const before = await repo.read()
  expect((await repo.patch({ dev_port: 3_000, is_hidden: false, remote_url: bare })).body).toEqual(before)
  expect(await updatesOf(user)).toEqual([])
})

test('the id may be in the body; the path wins', async () => {
  const user = newUser()
  const one = await importRepo(user)
  const two = await importRepo(user, { root_directory: 'two' })
  const byBody = await projects.call(user, 'PATCH', '/api/repos', { id: ` ${one.id} `, dev_port: 1_111 })
  expect(byBody.body).toMatchObject({ id: one.id, dev_port: 1_111 })
  expect((await two.patch({ id: one.id, dev_port: 2_222 })).body).toMatchObject({
    id: two.id,
    dev_port: 2_222,
  })
  expect((await one.read()).dev_port).toBe(1_111)
})

test('a missing id is 400; unknown, foreign and malformed ones are 404, before the body is read', async () => {
  const foreign = await importRepo(newUser())
  const user = newUser()
  for (const id of [undefined, null, '', ' '])
    expect(await projects.call(user, 'PATCH', '/api/repos', { id, dev_port: 1 })).toMatchObject({
      status: 400,
      body: { code: 'BAD_REQUEST', field: 'id' },
    })
  for (const query of ['', '?id=', '?id=%20'])
    expect((await projects.call(user, 'DELETE', `/api/repos${query}`)).body.field).toBe('id')
  const notFound = { status: 404, body: { error: 'Repo not found', code: 'REPO_NOT_FOUND' } }
  for (const id of [5, {}, 'nonsense', foreign.id, crypto.randomUUID()])
    expect(await projects.call(user, 'PATCH', '/api/repos', { id, dev_port: 1 })).toMatchObject(notFound)
  for (const id of ['nonsense', '%00', '%E0%A4%A', foreign.id, crypto.randomUUID()]) {
    for (const method of ['GET', 'PATCH', 'DELETE']) {
      const body = method === 'PATCH' ? { body: 'no json' } : {}
      const response = await projects.send(method, `/api/repos/${id}`, { as: user, ...body })
      expect({ status: response.status, body: await response.json() }).toEqual(notFound)
    }
  }
  expect((await projects.call(user, 'DELETE', `/api/repos?id=${foreign.id}`)).status).toBe(404)
  expect((await foreign.read()).dev_port).toBe(3_000)
})

test.each([
  [{}, 'no field'],
  [{ unknown: 1 }, 'no field'],
  [{ default_branch: '-x' }, 'default_branch'],
  [{ workspace_id: null }, 'workspace_id'],
  [{ root_directory: '%2e%2e' }, 'root_directory'],
  [{ dev_command: 'x'.repeat(2_001) }, 'dev_command'],
  [{ sandbox_env_vars: { '1': 'x' } }, 'sandbox_env_vars'],
  [{ remote_url: 'nonsense' }, 'remote_url'],
  [{ remote_url: '/etc' }, 'remote_url'],
  [{ credential: 5 }, 'credential'],
  [{ is_favorite: 'a\0' }, 'is_favorite'],
])('bad input %j is 400 naming the field, and nothing changes', async (change, field) => {
  const repo = await importRepo(newUser())
  const before = await repo.read()
  const answer = await repo.patch({ ...change, ...(field === 'no field' ? {} : { dev_port: 9_999 }) })
  expect(answer.status).toBe(400)
  expect(answer.body.error).toContain(field)
  expect(await repo.read()).toEqual(before)
})

test('a repo moves to another workspace of its user and to no other', async () => {
  const user = newUser()
  const repo = await importRepo(user)
  const mine = await projects.call(user, 'POST', '/api/workspaces', { name: 'Mine' })
  const foreign = await projects.call(newUser(), 'POST', '/api/workspaces', { name: 'Foreign' })
  expect((await repo.patch({ workspace_id: foreign.body.id })).body.code).toBe('NOT_FOUND')
  expect((await repo.patch({ workspace_id: 'nonsense' })).status).toBe(404)
  const moved = await repo.patch({ workspace_id: mine.body.id })
  expect(moved.body).toMatchObject({ workspace_id: mine.body.id, workspace: { name: 'Mine' } })
  expect((await projects.call(user, 'GET', `/api/workspaces/${mine.body.id}`)).body.repo_count).toBe(1)
})

test('a root or remote that another repo has is 409 with its id', async () => {
  const user = newUser()
  const one = await importRepo(user, { root_directory: 'a' })
  const two = await importRepo(user, { root_directory: 'b' })
  const other = await importRepo(user, { root_directory: 'a', remote_url: `${root}/other.git` })
  const duplicate = { status: 409, body: { code: 'DUPLICATE_REPO', repo_id: one.id } }
  expect(await two.patch({ root_directory: '/a/' })).toMatchObject(duplicate)
  expect(await other.patch({ remote_url: bare })).toMatchObject(duplicate)
  // At once: whoever is first gets it.
  const three = await importRepo(user, { root_directory: 'c' })
  const race = await Promise.all([two, three].map(repo => repo.patch({ root_directory: 'same' })))
  expect(race.map(({ status }) => status).sort()).toEqual([200, 409])
})

test('a stored credential is never sent to another host', async () => {
  const user = newUser()
  const repo = await importRepo(user, { remote_url: `${guarded.url}/demo.git`, credential })
  const before = elsewhere.authorizations.length
  expect(await repo.patch({ remote_url: `${elsewhere.url}/demo.git` })).toMatchObject({
    status: 400,
    body: { field: 'credential' },
  })
  expect(await repo.patch({ remote_url: bare })).toMatchObject({ status: 400, body: { field: 'credential' } })
  expect(elsewhere.authorizations.length).toBe(before)

  const path = await repo.patch({ remote_url: `${guarded.url}/other.git` })
  expect(path.body).toMatchObject({ remote_url: `${guarded.url}/other.git`, has_credential: true })
  const moved = await repo.patch({
    remote_url: `${elsewhere.url}/demo.git`,
    credential: { username: 'me', token: 'second-token' },
  })
  expect(moved.body).toMatchObject({ remote_url: `${elsewhere.url}/demo.git`, has_credential: true })
  expect(elsewhere.authorizations).not.toContain(`Basic ${btoa('me:first-token')}`)
  expect((await updatesOf(user)).map(({ payload }) => payload.fields)).toEqual([
    ['remote_url'],
    ['remote_url', 'credential'],
  ])
})

test('a credential is proven before it replaces the stored one; null clears it without asking', async () => {
  const user = newUser()
  const repo = await importRepo(user, { remote_url: `${guarded.url}/demo.git`, credential })
  const wrong = await repo.patch({ credential: { username: 'me', token: 'wrong' } })
  expect(wrong).toMatchObject({ status: 400, body: { code: 'REMOTE_UNREACHABLE' } })
  const source = () => projects.ask(getRepoSource, { userId: user.userId, repoId: repo.id })
  expect((await source()).auth).toEqual({ kind: 'basic', username: 'me', token: 'first-token' })
  expect((await repo.patch({ credential: null })).body.has_credential).toBe(false)
  expect((await source()).auth).toEqual({ kind: 'none' })
})

test('of a credential and a new remote given at once, never do the two end up together', async () => {
  for (let round = 0; round < 5; round += 1) {
    const user = newUser()
    const repo = await importRepo(user)
    const url = `${guarded.url}/demo.git`
    await repo.patch({ remote_url: url, credential })
    await repo.patch({ credential: null })
    const [stored, moved] = await Promise.all([
      repo.patch({ credential }),
      repo.patch({ remote_url: `${root}/other.git` }),
    ])
    const after = await repo.read()
    if (stored.status === 200 && moved.status === 200) throw new Error('both were taken')
    expect(after.has_credential && after.remote_url !== url).toBe(false)
  }
})

test('a deleted repo is gone and told; it may be imported again', async () => {
  const user = newUser()
  const repo = await importRepo(user)
  expect((await projects.call(user, 'DELETE', `/api/repos?id=${repo.id}`)).body).toEqual({ ok: true })
  expect((await projects.call(user, 'DELETE', repo.path)).status).toBe(404)
  expect((await projects.eventsOf(user)).at(-1)).toEqual({
    subject: 'evt.projects.repo.deleted',
    payload: { repoId: repo.id },
  })
  const again = await importRepo(user)
  expect((await projects.call(user, 'DELETE', again.path)).body).toEqual({ ok: true })
})
