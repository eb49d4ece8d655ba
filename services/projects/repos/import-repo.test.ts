import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { useGitHttpServer } from '../test-bench/git-http-server.ts'
import { git, makeBareRepository, makeWorkTree, useDirectory } from '../test-bench/git-repositories.ts'
import { byToken, newUser, startProjects } from '../test-bench/service.ts'

const directory = useDirectory()
const root = join(directory, 'root')
const outside = join(directory, 'outside')
mkdirSync(root)
mkdirSync(outside)
const credential = { username: 'me', token: 's3cret-token' }
const guarded = useGitHttpServer(root, credential)
const bare = makeBareRepository(root, 'demo.git', 'trunk')

let projects: Awaited<ReturnType<typeof startProjects>>
beforeAll(async () => {
  projects = await startProjects({ LOCAL_GIT_ROOTS: `${join(directory, 'missing')}:${root}` })
})
afterAll(() => projects.stop())

type User = ReturnType<typeof newUser>
const post = (user: User, body: Record<string, unknown>) =>
  projects.call(user, 'POST', '/api/repos', { provider: 'git', ...body })
const listOf = async (user: User) => (await projects.call(user, 'GET', '/api/repos?show_hidden=true')).list

test('a local repository is imported with defaults, its own branch and a default workspace', async () => {
  const user = newUser()
  const answer = await post(user, {
    remote_url: `${root}/../root/demo.git/`,
    is_hidden: true,
    github_id: 5,
    id: 'x',
  })
  expect(answer.status).toBe(200)
  const { workspace, ...repo } = answer.body
  expect(repo).toEqual({
    id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    user_id: user.userId,
    provider: 'git',
    github_id: null,
    github_installation_id: null,
    full_name: 'local/demo',
    owner: 'local',
    name: 'demo',
    default_branch: 'trunk',
    root_directory: null,
    parent_repo_id: null,
    workspace_id: expect.any(String),
    remote_url: `file://${bare}`,
    has_credential: false,
    install_command: null,
    dev_command: null,
    dev_port: 3_000,
    dev_port_auto: true,
    sandbox_timeout_ms: null,
    runtime: null,
    env_sync_mode: 'sandbox-only',
    sandbox_env_vars: {},
    sandbox_env_var_keys: [],
    is_favorite: false,
    is_hidden: false,
    is_monorepo: false,
    snapshot_id: null,
    snapshot_created_at: null,
    snapshot_commit_sha: null,
    snapshot_lockfile_hash: null,
    github_has_app_installation: false,
    github_app_covered: false,
    github_triggerable: false,
    github_access_state: 'local_only',
    github_coverage_label: 'Local git',
    github_coverage_detail: expect.any(String),
    created_at: expect.stringMatching(/\.\d{3}Z$/),
    updated_at: expect.stringMatching(/\.\d{3}Z$/),
  })
  expect(workspace).toMatchObject({ id: repo.workspace_id, name: 'Imported Repos', is_default: true })
  expect(workspace).not.toHaveProperty('repo_count')
  expect(await projects.eventsOf(user)).toMatchObject([
    { subject: 'evt.projects.workspace.created', payload: { workspaceId: repo.workspace_id } },
    { subject: 'evt.projects.repo.created', payload: { repoId: repo.id } },
  ])
})

test('an empty repository is imported with main, a work tree with its branch, a named branch as named', async () => {
  const user = newUser()
  git(root, 'init', '-q', '--bare', 'empty.git')
  const tree = makeWorkTree(root, 'tree', 'work')
  expect((await post(user, { remote_url: join(root, 'empty.git') })).body.default_branch).toBe('main')
  expect((await post(user, { remote_url: tree })).body.default_branch).toBe('work')
  const named = {
    remote_url: tree,
    root_directory: 'apps/web',
    default_branch: ' release/1 ',
    full_name: 'me/app',
  }
  expect((await post(user, named)).body).toMatchObject({
    default_branch: 'release/1',
    full_name: 'me/app',
    root_directory: 'apps/web',
  })
})

test('a branch name of the remote that cannot be used asks for another', async () => {
  const tree = makeWorkTree(root, 'odd-branch', 'fix#1')
  const answer = await post(newUser(), { remote_url: tree })
  expect(answer).toMatchObject({ status: 400, body: { field: 'default_branch' } })
})

test('a guarded http remote is imported with its credential, which nobody sees again', async () => {
  const user = newUser()
  const remote_url = `${guarded.url}/demo.git`
  for (const wrong of [{}, { credential: { ...credential, token: 'wr0ng-token' } }]) {
    const refused = await post(user, { remote_url, ...wrong })
    expect(refused).toMatchObject({ status: 400, body: { code: 'REMOTE_UNREACHABLE', field: 'remote_url' } })
    expect(JSON.stringify(refused.body)).not.toMatch(/wr0ng|127\.0\.0\.1/)
  }
  expect(await listOf(user)).toEqual([])
  const answer = await post(user, { remote_url, credential, sandbox_env_vars: { SECRET: 'v4lue', ' B ': 1 } })
  expect(answer.body).toMatchObject({
    remote_url,
    has_credential: true,
    default_branch: 'trunk',
    full_name: '127.0.0.1/demo',
    sandbox_env_vars: { SECRET: 'v4lue', B: '1' },
    sandbox_env_var_keys: ['B', 'SECRET'],
  })
  expect(JSON.stringify(answer.body)).not.toContain(credential.token)

  const [stored] = await projects.sql`select * from projects.repos where id = ${String(answer.body.id)}`
  expect(JSON.stringify(stored)).not.toMatch(/s3cret|v4lue/)
  expect(JSON.stringify(await projects.eventsOf(user))).not.toMatch(/s3cret|v4lue|SECRET/)
  const [byPat] = (await projects.call(byToken(user), 'GET', '/api/repos')).list
  expect(byPat).not.toHaveProperty('sandbox_env_vars')
  expect(byPat).toMatchObject({ sandbox_env_var_keys: ['B', 'SECRET'] })
})

test('the same remote and directory is one repo, however it is written and however many ask at once', async () => {
  const user = newUser()
  symlinkSync(bare, join(root, 'link'))
  const spellings = [bare, `file://${bare}/`, join(root, 'link'), `${bare}/.`]
  const answers = await Promise.all(
    [...spellings, ...spellings].map(remote_url => post(user, { remote_url, root_directory: './apps//web' })),
  )
  const made = answers.filter(({ status }) => status === 200)
  expect(made).toHaveLength(1)
  const id = made[0]?.body.id
  for (const { status, body } of answers.filter(answer => answer !== made[0]))
    expect({ status, body }).toMatchObject({ status: 409, body: { code: 'DUPLICATE_REPO', repo_id: id } })
  expect((await post(user, { remote_url: bare })).status).toBe(200)
  expect((await post(newUser(), { remote_url: bare, root_directory: 'apps/web' })).status).toBe(200)
})

test('missing, foreign and switched-off paths get one text', async () => {
  const tree = makeWorkTree(outside, 'tree')
  symlinkSync(tree, join(root, 'link-out'))
  const paths = [tree, join(root, 'missing'), join(root, 'link-out'), root, '/etc', '/proc/self/root']
  const answers = await Promise.all(paths.map(remote_url => post(newUser(), { remote_url })))
  expect(answers.every(({ body }) => body.code === 'INVALID_REMOTE')).toBe(true)
  expect(new Set(answers.map(({ body }) => body.error)).size).toBe(1)
})

test.each([
  [{ provider: 'svn' }, 'provider'],
  [{ provider: 5 }, 'provider'],
  [{ provider: undefined }, 'full_name'],
  [{ provider: null }, 'full_name'],
  [{ remote_url: undefined }, 'remote_url'],
  [{ remote_url: 5 }, 'remote_url'],
  [{ remote_url: 'ext::sh -c id' }, 'remote_url'],
  [{ remote_url: `/${'x'.repeat(2_000)}` }, 'remote_url'],
  [{ remote_url: '/a\0b' }, 'remote_url'],
  [{ full_name: 'one' }, 'full_name'],
  [{ full_name: 5 }, 'full_name'],
  [{ default_branch: 'a b' }, 'default_branch'],
  [{ default_branch: {} }, 'default_branch'],
  [{ workspace_id: 5 }, 'workspace_id'],
  [{ root_directory: 'a/../b' }, 'root_directory'],
  [{ root_directory: '\ud800' }, 'root_directory'],
  [{ install_command: 'x'.repeat(2_001) }, 'install_command'],
  [{ dev_command: 'x'.repeat(2_001) }, 'dev_command'],
  [{ sandbox_env_vars: { 'A-B': 'x' } }, 'sandbox_env_vars'],
  [{ sandbox_env_vars: { A: '\ud800' } }, 'sandbox_env_vars'],
  [{ credential: 'x' }, 'credential'],
  [{ credential: { username: 'a', token: 'b' } }, 'credential'],
])('bad input %j is 400 naming the field, and nothing is stored', async (fields, field) => {
  const user = newUser()
  const answer = await post(user, { remote_url: bare, ...fields })
  expect(answer.status).toBe(400)
  expect(answer.body.error).toContain(field)
  expect(await listOf(user)).toEqual([])
  expect(await projects.eventsOf(user)).toEqual([])
})

test('a workspace that is not the caller’s is 404, and nothing is stored', async () => {
  const foreign = await projects.call(newUser(), 'POST', '/api/workspaces', { name: 'Foreign' })
  const user = newUser()
  for (const workspace_id of [String(foreign.body.id), crypto.randomUUID(), 'nonsense'])
    expect(await post(user, { remote_url: bare, workspace_id })).toMatchObject({
      status: 404,
      body: { code: 'NOT_FOUND' },
    })
  expect(await listOf(user)).toEqual([])
})
