import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { gitAccess } from '@mogplex/kit/git-remote/git-access.ts'
import { parseRemote } from '@mogplex/kit/git-remote/parse-remote.ts'
import { type HttpRemote, serveHttpRemote } from '@mogplex/kit/test-bench/git-http-remote.ts'
import { nextGithubId } from '@mogplex/kit/test-bench/github-world.ts'
import { getRepo, getRepoSource } from '@mogplex/proto/projects.ts'
import { git, makeBareRepository, makeWorkTree, useDirectory } from '../test-bench/git-repositories.ts'
import { type GithubBench, newRepo, startProjectsWithGithub } from '../test-bench/github.ts'
import { byToken, newUser, startProjects } from '../test-bench/service.ts'

const directory = useDirectory()
mkdirSync(join(directory, 'owner'))
const bare = makeBareRepository(directory, 'owner/app.git', 'trunk')
git(bare, 'config', 'http.receivepack', 'true')

let bench: GithubBench
let web: HttpRemote
beforeAll(async () => {
  web = serveHttpRemote(directory, null)
  bench = await startProjectsWithGithub({ GITHUB_WEB_URL: web.origin, LOCAL_GIT_ROOTS: directory })
})
afterAll(async () => {
  await bench.stop()
  await web.stop()
})

type User = { userId: string }
const post = (user: User, fields: Record<string, unknown>) =>
  bench.projects.call(user, 'POST', '/api/repos', fields)
const names = async (user: User, query = '') =>
  (await bench.projects.call(user, 'GET', `/api/repos${query}`)).list.map(repo => repo.full_name)

test('a repository of GitHub is imported by its id and name alone; GitHub is not asked', async () => {
  const user = newUser()
  const github_id = nextGithubId()
  const asked = bench.world.calls.length
  const forged = { github_installation_id: 5, github_app_covered: true, remote_url: '/etc', is_hidden: true }
  const answer = await post(user, { full_name: ' owner/app ', github_id, ...forged, dev_port: 4000 })
  expect(answer.status).toBe(200)
  expect(answer.body).toMatchObject({
    ...{ provider: 'github', github_id, github_installation_id: null, is_hidden: false, dev_port: 4_000 },
    ...{ full_name: 'owner/app', owner: 'owner', name: 'app', default_branch: 'main' },
    ...{ remote_url: null, has_credential: false, github_has_app_installation: false },
    ...{ github_app_covered: false, github_triggerable: false, github_access_state: 'synced_only' },
    ...{ github_coverage_label: 'Synced only', workspace: { name: 'Imported Repos', is_default: true } },
  })
  expect(bench.world.calls).toHaveLength(asked)
  expect((await bench.projects.eventsOf(user)).map(({ subject }) => subject)).toEqual([
    'evt.projects.workspace.created',
    'evt.projects.repo.created',
  ])
})

test.each([
  [{ full_name: undefined }, 'full_name'],
  [{ full_name: 'a/..' }, 'full_name'],
  [{ github_id: undefined }, 'github_id'],
  [{ github_id: '5' }, 'github_id'],
  [{ github_id: 0 }, 'github_id'],
  [{ github_id: 1.5 }, 'github_id'],
  [{ github_id: 2 ** 53 }, 'github_id'],
  [{ default_branch: 'a..b' }, 'default_branch'],
])('bad input %j is 400 naming the field', async (fields, field) => {
  const user = newUser()
  const answer = await post(user, { provider: 'github', full_name: 'a/b', github_id: 5, ...fields })
  expect(answer).toMatchObject({ status: 400, body: { code: 'BAD_REQUEST', field } })
  expect(await names(user)).toEqual([])
})

test('an id and a directory are one repo of a user, 409 with its id; a move onto another is 409 too', async () => {
  const user = newUser()
  const repo = { full_name: 'owner/app', github_id: nextGithubId() }
  const { body: root } = await post(user, repo)
  expect(await post(user, { ...repo, full_name: 'other/name' })).toMatchObject({
    status: 409,
    body: { code: 'DUPLICATE_REPO', repo_id: root.id },
  })
  const { body: part } = await post(user, { ...repo, root_directory: 'apps/web' })
  const moved = await bench.projects.call(user, 'PATCH', `/api/repos/${part.id}`, { root_directory: null })
  expect(moved).toMatchObject({ status: 409, body: { repo_id: root.id } })
  expect((await post(newUser(), repo)).status).toBe(200)
})

test('settings change as with any repo; an address or a credential of its own it cannot have', async () => {
  const user = newUser()
  const { body } = await post(user, { full_name: 'owner/app', github_id: nextGithubId() })
  const patch = (json: unknown) => bench.projects.call(user, 'PATCH', `/api/repos/${body.id}`, json)
  const change = { dev_command: 'bun dev', default_branch: 'next', is_favorite: true }
  expect(await patch(change)).toMatchObject({ status: 200, body: { ...change, github_id: body.github_id } })
  expect(await patch({ remote_url: bare })).toMatchObject({ status: 400, body: { field: 'remote_url' } })
  expect(await patch({ credential: { username: 'a', token: 'b' } })).toMatchObject({
    status: 400,
    body: { field: 'credential' },
  })
  expect((await bench.projects.call(user, 'DELETE', `/api/repos/${body.id}`)).status).toBe(200)
  expect(await names(user)).toEqual([])
})

test('with the App in use, repositories it does not cover are out of sight, but not out of reach', async () => {
  const person = bench.newPerson()
  const [covered, other] = [newRepo('b/covered'), newRepo('a/other')]
  await post(person, { full_name: other.full_name, github_id: other.id })
  await post(person, { provider: 'git', remote_url: bare, full_name: 'local/git' })
  expect(await names(person)).toEqual(['a/other', 'local/git'])
  const installation = bench.installOnPerson(person.account)
  await bench.projects.call(person, 'GET', '/api/github/installations')
  // Nothing is covered, so nothing is left out.
  expect(await names(person)).toEqual(['a/other', 'local/git'])

  installation.repos = [covered]
  const synced = (await bench.projects.call(person, 'GET', '/api/github/repos')).list
  expect(synced.map(repo => repo.full_name)).toEqual(['b/covered', 'local/git'])
  expect(synced).toMatchObject([
    {
      ...{ github_app_covered: true, github_triggerable: true, github_access_state: 'app_covered' },
      ...{ github_coverage_label: 'Trigger-ready', github_installation_id: installation.id },
    },
    { github_access_state: 'local_only', github_app_covered: false, github_has_app_installation: true },
  ])
  expect(await names(person)).toEqual(['b/covered', 'local/git'])
  expect(await names(person, '?show_hidden=true')).toEqual(['a/other', 'b/covered', 'local/git'])
  const { list } = await bench.projects.call(person, 'GET', '/api/repos?show_hidden=true')
  expect(list[0]).toMatchObject({ github_coverage_label: 'Not covered', github_has_app_installation: true })
  expect(await names(person, `?id=${list[0]?.id}`)).toEqual(['a/other'])

  const scripts = await bench.projects.call(byToken(person), 'GET', '/api/v1/mogplex/repos')
  expect(scripts.body.data).toMatchObject({
    repos: [
      { full_name: 'a/other', installation_id: null },
      { full_name: 'b/covered', installation_id: installation.id },
      { full_name: 'local/git', installation_id: null },
    ],
  })
})

/** What a run does with a source: clone, commit, push a branch. */
function cloneAndPush(source: { cloneUrl: string; auth: Parameters<typeof gitAccess>[1] }, name: string) {
  const remote = parseRemote(source.cloneUrl, { allowHttp: true })
  const files = { keyFile: null, knownHostsFile: '/dev/null' }
  const { url, environment } = gitAccess({ remote, addresses: null }, source.auth, files)
  const tree = makeWorkTree(directory, name)
  const env = { PATH: process.env.PATH ?? '', HOME: '/nonexistent', GIT_TERMINAL_PROMPT: '0', ...environment }
  const run = async (...args: string[]) => {
    const child = Bun.spawn(['git', ...args], { cwd: tree, env, stdout: 'pipe', stderr: 'pipe' })
    return (await child.exited) === 0 ? '' : new Response(child.stderr).text()
  }
  return {
    fetch: () => run('fetch', '--quiet', '--', url, 'trunk'),
    push: () => run('push', '--quiet', '--', url, `HEAD:refs/heads/${name}`),
  }
}

test('a run reads and writes it with a token of the installation for this repository alone', async () => {
  const person = bench.newPerson()
  const repo = newRepo('owner/app')
  const { id } = bench.installOnPerson(person.account, [repo, newRepo()])
  await bench.projects.call(person, 'GET', '/api/github/installations')
  const [row] = (await bench.projects.call(person, 'GET', '/api/repos?show_hidden=true')).list.filter(
    ({ github_id }) => github_id === repo.id,
  )
  const owned = { userId: person.userId, repoId: String(row?.id) }
  expect(await bench.projects.ask(getRepo, owned)).toMatchObject({ repo: { provider: 'github' } })
  const source = await bench.projects.ask(getRepoSource, owned)
  expect(source).toEqual({
    provider: 'github',
    cloneUrl: `${web.origin}/owner/app.git`,
    fullName: 'owner/app',
    defaultBranch: 'trunk',
    rootDirectory: null,
    auth: { kind: 'basic', username: 'x-access-token', token: expect.stringMatching(/^ghs_/) },
    allowPrivateHosts: true,
  })
  if (source.auth.kind !== 'basic') throw new Error('no token')
  expect(bench.world.given.get(source.auth.token)).toEqual({ installationId: id, repositoryIds: [repo.id] })

  web.accepts = ({ username, token }) => username === 'x-access-token' && bench.world.given.has(token)
  const work = cloneAndPush(source, 'from-a-run')
  expect([await work.fetch(), await work.push()]).toEqual(['', ''])
  expect(git(bare, 'rev-parse', '--verify', 'refs/heads/from-a-run')).toMatch(/^[0-9a-f]{40}$/)
  const foreign = cloneAndPush({ ...source, auth: { ...source.auth, token: 'ghs_guessed' } }, 'guessed')
  expect(await foreign.fetch()).not.toBe('')
})

test('what no installation covers is read with the owner’s token, and without one as the public does', async () => {
  const person = bench.newPerson()
  const [known, unknown] = [person, newUser()]
  const tokens = await Promise.all(
    [known, unknown].map(async user => {
      const { body } = await post(user, { full_name: 'owner/app', github_id: nextGithubId() })
      const owned = { userId: user.userId, repoId: String(body.id) }
      return (await bench.projects.ask(getRepoSource, owned)).auth
    }),
  )
  expect(tokens).toEqual([
    { kind: 'basic', username: 'x-access-token', token: person.token },
    { kind: 'none' },
  ])
})

test('where an installation covers it and gives no token, no other is used in its place', async () => {
  const person = bench.newPerson()
  const repo = newRepo('owner/app')
  const { id } = bench.installOnPerson(person.account, [repo])
  await bench.projects.call(person, 'GET', '/api/github/installations')
  const [row] = (await bench.projects.call(person, 'GET', '/api/repos')).list
  const path = `/app/installations/${id}/access_tokens`
  bench.github.broken.set(path, () => Response.json({}, { status: 401 }))
  const source = bench.projects.ask(getRepoSource, { userId: person.userId, repoId: String(row?.id) })
  await expect(source).rejects.toMatchObject({ code: 'GITHUB_FORBIDDEN' })
  bench.github.broken.delete(path)
})

test('owners are the user’s account, organisations and installations, each once', async () => {
  const person = bench.newPerson()
  const owners = async (user: User) => (await bench.projects.call(user, 'GET', '/api/github/owners')).list
  const active = { [person.account.login]: { role: 'member' as const, state: 'active' as const } }
  const org = bench.newOrg(active)
  const personal = { login: person.account.login, kind: 'personal', scope_label: 'Personal' }
  expect(await owners(person)).toEqual([
    { ...personal, github_installation_id: null, source: 'oauth' },
    { login: org.login, kind: 'org', github_installation_id: null, scope_label: 'Org', source: 'oauth' },
  ])
  const { id } = bench.installOnPerson(person.account)
  await bench.projects.call(person, 'GET', '/api/github/installations')
  bench.github.broken.set('/user/orgs', () => Response.json({}, { status: 403 }))
  expect(await owners(person)).toEqual([
    { ...personal, github_installation_id: id, source: 'oauth+installation' },
  ])
  bench.github.broken.delete('/user/orgs')
  expect(await owners(newUser())).toEqual([])
})

test('without an App nothing of GitHub is looked up, and what there is stays in sight', async () => {
  const plain = await startProjects({ ...bench.github.settings, GITHUB_APP_NAME: 'half-configured' })
  try {
    const user = newUser()
    await plain.call(user, 'POST', '/api/repos', { full_name: 'owner/app', github_id: 5 })
    const asked = bench.world.calls.length
    expect((await plain.call(user, 'GET', '/api/github/installations?refresh=true')).list).toEqual([])
    expect((await plain.call(user, 'GET', '/api/github/repos')).list).toHaveLength(1)
    expect(bench.world.calls).toHaveLength(asked)
  } finally {
    await plain.stop()
  }
})
