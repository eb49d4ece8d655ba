import { afterAll, beforeAll, expect, test } from 'bun:test'
import { type GithubBench, newRepo, newRepos, startProjectsWithGithub } from '../../test-bench/github.ts'

let bench: GithubBench
beforeAll(async () => {
  bench = await startProjectsWithGithub()
})
afterAll(() => bench.stop())

type Person = ReturnType<GithubBench['newPerson']>
const sync = (person: Person) => bench.projects.call(person, 'GET', '/api/github/repos')
const coverage = async (person: Person) => {
  const { list } = await bench.projects.call(person, 'GET', '/api/repos?show_hidden=true')
  return Object.fromEntries(list.map(repo => [repo.full_name, repo.github_installation_id]))
}

test('a sync that fails is 503, or 429 with the seconds left, and what succeeded is kept', async () => {
  const repo = newRepo()
  const { person, installation } = await bench.newInstalled([])
  const org = bench.newOrg({ [person.account.login]: { role: 'admin', state: 'active' } })
  const other = bench.installOnOrg(org)
  await bench.projects.call(person, 'GET', '/api/github/installations?refresh=true')
  installation.repos = [repo]
  const path = `/app/installations/${other.id}/access_tokens`
  // The whole installation's token is known still; another process has to ask for one.
  const replica = await bench.projects.startReplica()
  bench.github.broken.set(path, () => Response.json({}, { status: 401 }))
  const failed = await replica.call(person, 'GET', '/api/github/repos')
  expect(failed).toMatchObject({ status: 503, body: { code: 'GITHUB_SYNC_ERROR' } })
  expect((await coverage(person))[repo.full_name]).toBe(installation.id)

  bench.github.broken.set(path, () => Response.json({}, { status: 429, headers: { 'retry-after': '30' } }))
  const limited = await replica.send('GET', '/api/github/repos', { as: person })
  expect([limited.status, limited.headers.get('retry-after')]).toEqual([429, '30'])
  expect(await limited.json()).toMatchObject({ code: 'RATE_LIMITED' })
  bench.github.broken.delete(path)
})

test.each(['deleted', 'suspended'])(
  'an installation that GitHub says is %s is so for everybody',
  async how => {
    // A token of it is known here, which has ended with it.
    const { person, installation } = await bench.newInstalled(newRepos(1))
    if (how === 'deleted') bench.world.installations.delete(installation.id)
    else installation.suspended_at = '2026-01-01T00:00:00Z'
    expect((await sync(person)).status).toBe(503)
    expect(Object.values(await coverage(person))).toEqual([null])
    const rows = await bench.projects.sql`
    select suspended_at from projects.github_installations where installation_id = ${installation.id}`
    expect(rows).toHaveLength(how === 'deleted' ? 0 : 1)
    const subjects = (await bench.projects.eventsOf(person)).map(({ subject }) => subject)
    expect(subjects).toContain(`evt.projects.installation.${how === 'deleted' ? 'removed' : 'suspended'}`)
  },
)

test('a list that others always come before is 503 in the end, not a success', async () => {
  const { person } = await bench.newInstalled(newRepos(1))
  let reads = 0
  bench.github.broken.set('/installation/repositories', async () => {
    reads += 1
    await bench.projects.sql`
      update projects.github_installations set sync_version = sync_version + 1 where user_id = ${person.userId}`
    return Response.json({ total_count: 0, repositories: [] })
  })
  expect(await sync(person)).toMatchObject({ status: 503, body: { code: 'GITHUB_SYNC_ERROR' } })
  bench.github.broken.delete('/installation/repositories')
  expect(reads).toBe(3)
  expect(Object.values(await coverage(person))).not.toContain(null)
})
