import { afterAll, beforeAll, expect, test } from 'bun:test'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { type GithubBench, newRepo, startProjectsWithGithub } from '../../test-bench/github.ts'
import { nextDelaySeconds } from './worker.ts'

let bench: GithubBench
beforeAll(async () => {
  bench = await startProjectsWithGithub()
})
afterAll(() => bench.stop())

/** Somebody with the App on their account, and a repository that was added to it since. */
async function withNewRepo() {
  const person = bench.newPerson()
  const installation = bench.installOnPerson(person.account)
  await bench.projects.call(person, 'GET', '/api/github/installations')
  const repo = newRepo(`${person.account.login.toUpperCase()}/app`)
  installation.repos = [repo]
  return { person, installation, repo }
}
type Standing = Awaited<ReturnType<typeof withNewRepo>>

const importRepo = ({ person, repo }: Standing) =>
  bench.projects.call(person, 'POST', '/api/repos', { github_id: repo.id, full_name: repo.full_name })
const jobsOf = async ({ person }: Standing) => [
  ...(await bench.projects.sql<{ attempts: number }[]>`
    select attempts from projects.sync_jobs where user_id = ${person.userId}`),
]
const becomesCovered = (standing: Standing) =>
  waitUntil(
    async () => {
      const { list } = await bench.projects.call(standing.person, 'GET', '/api/repos')
      return list[0]?.github_app_covered === true && (await jobsOf(standing)).length === 0
    },
    { limitMs: 10_000, everyMs: 20 },
  )

test('what is imported from an account with the App on it is covered soon, though not by the import', async () => {
  const standing = await withNewRepo()
  expect((await importRepo(standing)).body).toMatchObject({ github_app_covered: false })
  expect(await becomesCovered(standing)).toBe(true)
})

test('a sync that GitHub does not answer is tried again, by another process too', async () => {
  const standing = await withNewRepo()
  bench.github.broken.set('/installation/repositories', () => Response.json({}, { status: 401 }))
  await importRepo(standing)
  const isTried = async () => (await jobsOf(standing))[0]?.attempts === 1
  expect(await waitUntil(isTried, { limitMs: 5_000, everyMs: 5 })).toBe(true)
  bench.github.broken.delete('/installation/repositories')
  await bench.projects.sql`update projects.sync_jobs set due_at = now() - interval '1 second'`
  await bench.projects.startReplica()
  expect(await becomesCovered(standing)).toBe(true)
})

test('asked for while it is done, it is done once more', async () => {
  const standing = await withNewRepo()
  const arrived = Promise.withResolvers<void>()
  const gate = Promise.withResolvers<void>()
  bench.github.broken.set('/installation/repositories', async () => {
    arrived.resolve()
    await gate.promise
    return Response.json({ total_count: 0, repositories: [] })
  })
  const [first] = [await importRepo(standing)]
  await arrived.promise
  await bench.projects.call(standing.person, 'DELETE', `/api/repos/${first.body.id}`)
  await importRepo(standing)
  bench.github.broken.delete('/installation/repositories')
  gate.resolve()
  expect(await becomesCovered(standing)).toBe(true)
})

/** Makes whatever a sync of theirs tells of fail. */
async function failSyncsOf({ person }: Standing) {
  const name = `fail_${person.account.id}`
  await bench.projects.sql.unsafe(`
    create function projects.${name}() returns trigger language plpgsql as
      $$ begin raise exception 'not this one'; end $$;
    create trigger ${name} before insert on projects.outbox for each row
      when (new.user_id = '${person.userId}' and new.subject = 'evt.projects.installation.synced')
      execute function projects.${name}()`)
}
const isOver = (standing: Standing) =>
  waitUntil(async () => (await jobsOf(standing)).length === 0, { limitMs: 10_000, everyMs: 20 })

test('a sync that fails for a reason of our own is tried again soon too, and not for ever', async () => {
  const standing = await withNewRepo()
  await failSyncsOf(standing)
  await importRepo(standing)
  const isTried = async () => Number((await jobsOf(standing))[0]?.attempts) >= 2
  expect(await waitUntil(isTried, { limitMs: 10_000, everyMs: 20 })).toBe(true)
  await bench.projects.sql`
    update projects.sync_jobs set attempts = 9, due_at = now() - interval '1 second'
    where user_id = ${standing.person.userId}`
  await bench.projects.startReplica()
  expect(await isOver(standing)).toBe(true)
})

test('a sync that ended its process ten times is given up', async () => {
  const standing = await withNewRepo()
  const installationId = [...bench.world.installations.keys()].at(-1) ?? 0
  await bench.projects.sql`
    insert into projects.sync_jobs (user_id, installation_id, due_at, attempts, request_id)
    values (${standing.person.userId}, ${installationId}, now() - interval '1 second', 10, 'test')`
  await bench.projects.startReplica()
  expect(await isOver(standing)).toBe(true)
  expect((await bench.projects.call(standing.person, 'GET', '/api/repos')).list).toEqual([])
})

test('a process that stops hands on what it is doing', async () => {
  const standing = await withNewRepo()
  const gate = Promise.withResolvers<void>()
  bench.github.broken.set('/installation/repositories', async () => {
    await gate.promise
    return Response.json({ total_count: 0, repositories: [] })
  })
  const replica = await bench.projects.startReplica()
  const { repo, person } = standing
  await replica.call(person, 'POST', '/api/repos', { github_id: repo.id, full_name: repo.full_name })
  const isTaken = async () => (await jobsOf(standing))[0]?.attempts === 1
  expect(await waitUntil(isTaken, { limitMs: 5_000, everyMs: 5 })).toBe(true)
  await replica.stop()
  bench.github.broken.delete('/installation/repositories')
  gate.resolve()
  expect(await becomesCovered(standing)).toBe(true)
})

test('an import from elsewhere asks for no sync', async () => {
  const { person } = await withNewRepo()
  const other = newRepo()
  await bench.projects.call(person, 'POST', '/api/repos', { github_id: other.id, full_name: other.full_name })
  const jobs = await bench.projects.sql`select 1 from projects.sync_jobs where user_id = ${person.userId}`
  expect(jobs).toHaveLength(0)
})

test('tries are a second apart at first, five minutes at last, and ten in all', () => {
  const delays = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map(attempts => nextDelaySeconds(attempts))
  expect(delays).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, null])
  expect(nextDelaySeconds(1, 600)).toBe(600)
})
