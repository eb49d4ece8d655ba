import { afterAll, beforeAll, expect, test } from 'bun:test'
import { type GithubBench, newRepo, newRepos, startProjectsWithGithub } from '../../test-bench/github.ts'
import { byToken, newUser } from '../../test-bench/service.ts'

let bench: GithubBench
beforeAll(async () => {
  bench = await startProjectsWithGithub({ GITHUB_SYNC_MAX_PAGES: '2' })
})
afterAll(() => bench.stop())

type Person = ReturnType<GithubBench['newPerson']>
type Caller = Parameters<GithubBench['projects']['call']>[0]
const sync = (caller: Caller) => bench.projects.call(caller, 'GET', '/api/github/repos')
const all = async (person: Person) =>
  (await bench.projects.call(person, 'GET', '/api/repos?show_hidden=true')).list
const patch = (person: Person, id: unknown, json: unknown) =>
  bench.projects.call(person, 'PATCH', `/api/repos/${id}`, json)
const coverage = async (person: Person) =>
  Object.fromEntries((await all(person)).map(repo => [repo.full_name, repo.github_installation_id]))

test('without an installation the user’s own repos are listed and imported, and nothing is covered', async () => {
  const person = bench.newPerson()
  bench.world.reposOf.set(person.account.login, [newRepo('kim/b'), newRepo('kim/a', 'a..b')])
  const { status, list } = await sync(person)
  expect(status).toBe(200)
  expect(list).toMatchObject([
    {
      full_name: 'kim/a',
      owner: 'kim',
      name: 'a',
      default_branch: 'main',
      github_access_state: 'synced_only',
    },
    { full_name: 'kim/b', default_branch: 'trunk', github_coverage_label: 'Synced only' },
  ])
  expect(list[0]).toMatchObject({ provider: 'github', remote_url: null, workspace: { is_default: true } })
})

test('what the user set stays; name and branch follow, in every directory; what is hidden stays hidden', async () => {
  const person = bench.newPerson()
  const repo = newRepo('kim/old')
  bench.world.reposOf.set(person.account.login, [repo])
  const [{ id } = { id: '' }] = (await sync(person)).list
  const { body: home } = await bench.projects.call(person, 'POST', '/api/workspaces', { name: 'Home' })
  const settings = { dev_command: 'bun dev', is_favorite: true, is_hidden: true, workspace_id: home.id }
  await patch(person, id, settings)
  const part = { github_id: repo.id, full_name: 'kim/old', root_directory: 'apps/web' }
  expect((await bench.projects.call(person, 'POST', '/api/repos', part)).status).toBe(200)
  bench.world.reposOf.set(person.account.login, [{ ...repo, full_name: 'kim/new', default_branch: 'next' }])

  expect((await sync(person)).list).toMatchObject([{ full_name: 'kim/new', root_directory: 'apps/web' }])
  const renamed = { full_name: 'kim/new', name: 'new', default_branch: 'next' }
  expect(await all(person)).toMatchObject([{ id, ...settings, ...renamed }, renamed])
  const updates = (await bench.projects.eventsOf(person)).filter(({ subject }) =>
    /repo.updated/.test(subject),
  )
  expect(updates.at(-1)?.payload.fields).toEqual(['full_name', 'default_branch'])
  const events = (await bench.projects.eventsOf(person)).length
  await sync(person)
  expect(await bench.projects.eventsOf(person)).toHaveLength(events)
})

test('a row with a directory is the repo, and gets no second row', async () => {
  const person = bench.newPerson()
  const repo = newRepo()
  const part = { github_id: repo.id, full_name: repo.full_name, root_directory: 'apps/web' }
  await bench.projects.call(person, 'POST', '/api/repos', part)
  bench.world.reposOf.set(person.account.login, [repo])
  expect((await sync(person)).list).toMatchObject([{ root_directory: 'apps/web' }])
})

test('an installation covers what it lists and, once its list is complete, nothing else', async () => {
  const [one, two] = [newRepo(), newRepo()]
  const { person, installation } = await bench.newInstalled([one, two])
  expect(await coverage(person)).toEqual({
    [one.full_name]: installation.id,
    [two.full_name]: installation.id,
  })
  installation.repos = [two]
  expect((await sync(person)).list).toMatchObject([{ full_name: two.full_name }])
  expect(await coverage(person)).toEqual({ [one.full_name]: null, [two.full_name]: installation.id })
  const lost = (await bench.projects.eventsOf(person)).filter(
    ({ payload }) => payload.installationId === null,
  )
  expect(lost).toMatchObject([{ subject: 'evt.projects.repo.coverage' }])
})

test('a list that is cut off, or has fewer than GitHub counts, takes no coverage away', async () => {
  const kept = newRepo()
  const { person, installation } = await bench.newInstalled([kept])
  installation.repos = newRepos(200)
  await sync(person)
  expect((await coverage(person))[kept.full_name]).toBe(installation.id)

  bench.github.broken.set('/installation/repositories', () =>
    Response.json({ total_count: 2, repositories: [newRepo()] }),
  )
  await sync(person)
  bench.github.broken.delete('/installation/repositories')
  expect((await coverage(person))[kept.full_name]).toBe(installation.id)
  installation.repos = newRepos(1)
  await sync(person)
  expect((await coverage(person))[kept.full_name]).toBeNull()
})

test('the same repo imported or listed many times at once is one row', async () => {
  const person = bench.newPerson()
  const repo = newRepo()
  bench.world.reposOf.set(person.account.login, [repo])
  const replica = await bench.projects.startReplica()
  const body = { github_id: repo.id, full_name: 'somebody/else' }
  const answers = await Promise.all([
    sync(person),
    replica.call(person, 'GET', '/api/github/repos'),
    bench.projects.call(person, 'POST', '/api/repos', body),
    replica.call(person, 'POST', '/api/repos', body),
    sync(person),
  ])
  expect(answers.filter(({ status }) => status !== 200 && status !== 409)).toEqual([])
  await sync(person)
  expect(await all(person)).toMatchObject([{ full_name: repo.full_name, github_id: repo.id }])
})

test('those who ask for a sync at once share one', async () => {
  const { person } = await bench.newInstalled(newRepos(1))
  const before = bench.asked(/^\/installation\/repositories$/)
  const answers = await Promise.all([sync(person), sync(person), sync(person)])
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
  expect(bench.asked(/^\/installation\/repositories$/) - before).toBe(1)
})

test('a list that was read before another was written is read again, so that the older never wins', async () => {
  const [first, second] = [newRepo(), newRepo()]
  const { person, installation } = await bench.newInstalled([])
  const replica = await bench.projects.startReplica()
  let waiting = 0
  const gate = Promise.withResolvers<void>()
  bench.github.broken.set('/installation/repositories', async () => {
    waiting += 1
    const isFirst = waiting === 1
    if (isFirst) await gate.promise
    return Response.json({ total_count: 1, repositories: [isFirst ? first : second] })
  })
  const older = sync(person)
  while (waiting === 0) await Bun.sleep(1)
  await replica.call(person, 'GET', '/api/github/repos')
  gate.resolve()
  await older
  bench.github.broken.delete('/installation/repositories')
  expect((await coverage(person))[second.full_name]).toBe(installation.id)
  expect((await coverage(person))[first.full_name] ?? null).toBeNull()
})

test('a list of more than a thousand is written whole, with an event about each', async () => {
  const { person, installation } = await bench.newInstalled([])
  const patient = await bench.projects.startReplica({ GITHUB_SYNC_MAX_PAGES: '12' })
  const count = async (subject: string) =>
    (await bench.projects.eventsOf(person)).filter(event => event.subject === `evt.projects.repo.${subject}`)
      .length
  installation.repos = newRepos(1_100)
  await patient.call(person, 'GET', '/api/github/repos')
  expect(Object.values(await coverage(person))).toEqual(Array(1_100).fill(installation.id))
  expect([await count('created'), await count('coverage')]).toEqual([1_100, 1_100])
  for (const repo of installation.repos) repo.default_branch = 'next'
  await patient.call(person, 'GET', '/api/github/repos')
  expect(new Set((await all(person)).map(repo => repo.default_branch))).toEqual(new Set(['next']))
  expect([await count('updated'), await count('coverage')]).toEqual([1_100, 1_100])
  installation.repos = []
  await patient.call(person, 'GET', '/api/github/repos')
  expect(await count('coverage')).toBe(2_200)
})

test('who has no account connected and nothing imported is told so', async () => {
  expect(await sync(newUser())).toMatchObject({ status: 400, body: { code: 'NO_GITHUB_CONNECTION' } })
})

test('it imports, so a token needs to be allowed to write', async () => {
  const person = bench.newPerson()
  const readOnly = await sync({ ...byToken(person), scopes: ['read'] })
  expect(readOnly).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } })
  expect((await sync({ ...byToken(person), scopes: ['write'] })).status).toBe(200)
})

test('no token of GitHub’s is in the database or in an event', async () => {
  const { person } = await bench.newInstalled(newRepos(1))
  await sync(person)
  const tables = ['repos', 'github_installations', 'outbox']
  const texts = await Promise.all(
    tables.map(name => bench.projects.sql.unsafe(`select t::text from projects.${name} t`)),
  )
  expect(JSON.stringify(texts)).not.toMatch(/gh[os]_[0-9a-f]{8}/)
  expect(bench.world.given.size).toBeGreaterThan(0)
})
