import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { getRepo, getRepoLaunchConfig, getRepoSource } from '@mogplex/proto/projects.ts'
import { useGitHttpServer } from '../test-bench/git-http-server.ts'
import { makeBareRepository, useDirectory } from '../test-bench/git-repositories.ts'
import { newUser, startProjects } from '../test-bench/service.ts'

const directory = useDirectory()
const root = join(directory, 'root')
mkdirSync(root)
const guarded = useGitHttpServer(root, { username: 'me', token: 'tok' })
const bare = makeBareRepository(root, 'demo.git', 'trunk')

let projects: Awaited<ReturnType<typeof startProjects>>
beforeAll(async () => {
  projects = await startProjects({ LOCAL_GIT_ROOTS: root })
})
afterAll(() => projects.stop())

async function importRepo(user: ReturnType<typeof newUser>, fields: Record<string, unknown> = {}) {
  const body = { provider: 'git', remote_url: bare, ...fields }
  const answer = await projects.call(user, 'POST', '/api/repos', body)
  if (answer.status !== 200) throw new Error(JSON.stringify(answer.body))
  return { userId: user.userId, repoId: String(answer.body.id) }
}

test('a repo is told without secrets; what is not the user’s is null', async () => {
  const user = newUser()
  const owned = await importRepo(user, { root_directory: 'apps/web' })
  expect(await projects.ask(getRepo, owned)).toEqual({
    repo: {
      id: owned.repoId,
      fullName: 'local/demo',
      provider: 'git',
      defaultBranch: 'trunk',
      rootDirectory: 'apps/web',
    },
  })
  for (const other of [
    { ...owned, userId: newUser().userId },
    { ...owned, userId: 'nonsense' },
    { ...owned, repoId: 'nonsense' },
    { ...owned, repoId: newUser().userId },
  ]) {
    expect(await projects.ask(getRepo, other)).toEqual({ repo: null })
    for (const contract of [getRepoSource, getRepoLaunchConfig])
      await expect(projects.ask(contract, other)).rejects.toMatchObject({ code: 'REPO_NOT_FOUND' })
  }
})

test('the source holds what git needs, the user name of the address only where nothing replaces it', async () => {
  const user = newUser()
  expect(await projects.ask(getRepoSource, await importRepo(user))).toEqual({
    provider: 'git',
    cloneUrl: `file://${bare}`,
    fullName: 'local/demo',
    defaultBranch: 'trunk',
    rootDirectory: null,
    auth: { kind: 'none' },
    allowPrivateHosts: true,
  })
  const remote_url = `${guarded.url.replace('//', '//somebody@')}/demo.git`
  const owned = await importRepo(user, { remote_url, credential: { username: 'me', token: 'tok' } })
  expect(await projects.ask(getRepoSource, owned)).toMatchObject({
    cloneUrl: `${guarded.url}/demo.git`,
    auth: { kind: 'basic', username: 'me', token: 'tok' },
  })
})

test('a path that became a link out of the roots is no source any more', async () => {
  const outside = makeBareRepository(directory, 'outside.git')
  const moving = makeBareRepository(root, 'moving.git')
  const owned = await importRepo(newUser(), { remote_url: moving })
  expect(await projects.ask(getRepoSource, owned)).toMatchObject({ cloneUrl: `file://${moving}` })
  renameSync(moving, `${moving}.away`)
  symlinkSync(outside, moving)
  await expect(projects.ask(getRepoSource, owned)).rejects.toMatchObject({ code: 'INVALID_REMOTE' })
  // Nor is a link to another repository inside: the path that was vetted is the one that is used.
  rmSync(moving)
  symlinkSync(bare, moving)
  await expect(projects.ask(getRepoSource, owned)).rejects.toMatchObject({ code: 'INVALID_REMOTE' })
})

test('the launch configuration has plain values and the timeouts that count', async () => {
  const user = newUser()
  const workspace = await projects.call(user, 'POST', '/api/workspaces', {
    name: 'Short',
    sandbox_timeout_ms: 900_000,
    sandbox_idle_timeout_ms: 800_000,
  })
  const owned = await importRepo(user, {
    workspace_id: workspace.body.id,
    install_command: 'bun install',
    dev_port: 4_000,
    sandbox_env_vars: { A: '"quoted"', B: '2' },
  })
  const launch = {
    installCommand: 'bun install',
    devCommand: null,
    devPort: null,
    runtime: null,
    sandboxTimeoutMs: 900_000,
    sandboxIdleTimeoutMs: 800_000,
    env: { A: 'quoted', B: '2' },
  }
  expect(await projects.ask(getRepoLaunchConfig, owned)).toEqual(launch)
  await projects.call(user, 'PATCH', `/api/repos/${owned.repoId}`, {
    sandbox_timeout_ms: 700_000,
    dev_port_auto: false,
    runtime: 'node22',
  })
  expect(await projects.ask(getRepoLaunchConfig, owned)).toEqual({
    ...launch,
    devPort: 4_000,
    runtime: 'node22',
    sandboxTimeoutMs: 700_000,
    sandboxIdleTimeoutMs: 700_000,
  })
})

test('the largest environment that is taken reaches runtime in one message', async () => {
  const value = 'x'.repeat(65_000)
  const sandbox_env_vars = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`K${i}`, value]))
  const owned = await importRepo(newUser(), { sandbox_env_vars, root_directory: 'large' })
  expect(Object.keys((await projects.ask(getRepoLaunchConfig, owned)).env)).toHaveLength(8)
})

test('without host access the source is none any more, of this machine or of its network', async () => {
  const user = newUser()
  const local = await importRepo(user)
  const credential = { username: 'me', token: 'tok' }
  const near = await importRepo(user, { remote_url: `${guarded.url}/demo.git`, credential })
  projects.withoutHostAccess.add(user.userId)
  await expect(projects.ask(getRepoSource, local)).rejects.toMatchObject({ code: 'INVALID_REMOTE' })
  expect(await projects.ask(getRepoSource, near)).toMatchObject({ allowPrivateHosts: false })
  const answer = await projects.call(user, 'PATCH', `/api/repos/${near.repoId}`, { remote_url: bare })
  expect([answer.status, answer.body.code]).toEqual([400, 'INVALID_REMOTE'])
  projects.withoutHostAccess.delete(user.userId)
  expect(await projects.ask(getRepoSource, local)).toMatchObject({ cloneUrl: `file://${bare}` })
})
