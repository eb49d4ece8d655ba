import { afterAll, beforeAll, expect, test } from 'bun:test'
import { nextGithubId } from '@mogplex/kit/test-bench/github-world.ts'
import {
  claimInstallation,
  githubSummary,
  reconcileInstallations,
  syncGithubRepos,
} from '@mogplex/proto/projects.ts'
import { type GithubBench, newRepo, startProjectsWithGithub } from '../test-bench/github.ts'
import { newUser } from '../test-bench/service.ts'

let bench: GithubBench
beforeAll(async () => {
  bench = await startProjectsWithGithub()
})
afterAll(() => bench.stop())

type Person = ReturnType<GithubBench['newPerson']>
const subjectsOf = async (person: Person) =>
  (await bench.projects.eventsOf(person)).map(({ subject }) => subject.replace('evt.projects.', ''))

test('a claim needs an installation that is there, a connected account, and a GitHub that answers', async () => {
  const person = bench.newPerson()
  const { id } = bench.installOnPerson(person.account, [newRepo()])
  const claim = (userId: string, installationId: number) =>
    bench.projects.askAsIdentity(claimInstallation, { userId, installationId })
  expect(await claim(person.userId, nextGithubId())).toEqual({ status: 'forbidden' })
  expect(await claim(newUser().userId, id)).toEqual({ status: 'forbidden' })
  const path = `/app/installations/${id}`
  bench.github.broken.set(path, () => new Response('<html>'))
  expect(await claim(person.userId, id)).toEqual({ status: 'unreachable' })
  bench.github.broken.delete(path)
  expect(await subjectsOf(person)).toEqual([])

  bench.github.broken.set('/installation/repositories', () => Response.json({}, { status: 403 }))
  expect(await claim(person.userId, id)).toEqual({ status: 'bound', isSynced: false })
  bench.github.broken.delete('/installation/repositories')
  expect(await claim(person.userId, id)).toEqual({ status: 'bound', isSynced: true })
  expect((await subjectsOf(person)).filter(subject => subject === 'installation.bound')).toHaveLength(1)
})

test('identity is told counts, and can have installations and repos looked up', async () => {
  const person = bench.newPerson()
  const { userId } = person
  const [covered, own] = [newRepo(), newRepo()]
  bench.installOnPerson(person.account, [covered])
  bench.world.reposOf.set(person.account.login, [covered, own])
  const ask = bench.projects.askAsIdentity
  const nothing = { appAvailable: true, installationCount: 0, syncedRepoCount: 0, coveredRepoCount: 0 }
  expect(await ask(githubSummary, { userId })).toEqual(nothing)
  expect(await ask(syncGithubRepos, { userId })).toEqual({ isSynced: true })
  expect(await ask(githubSummary, { userId })).toEqual({ ...nothing, syncedRepoCount: 2 })
  expect(await ask(reconcileInstallations, { userId })).toEqual({ installationCount: 1 })
  expect(await ask(githubSummary, { userId })).toEqual({
    ...{ appAvailable: true, installationCount: 1 },
    ...{ syncedRepoCount: 2, coveredRepoCount: 1 },
  })
  const unknown = newUser().userId
  expect(await ask(syncGithubRepos, { userId: unknown })).toEqual({ isSynced: false })
  expect(await ask(reconcileInstallations, { userId: unknown })).toEqual({ installationCount: 0 })
})

test('claims at once bind each admin once, and cover the repos of each', async () => {
  const people = [bench.newPerson(), bench.newPerson()] as const
  const admin = { role: 'admin' as const, state: 'active' as const }
  const org = bench.newOrg(Object.fromEntries(people.map(({ account }) => [account.login, admin])))
  const { id } = bench.installOnOrg(org, [newRepo(), newRepo()])
  const replica = await bench.projects.startReplica()
  const claims = [...people, ...people, ...people].map(({ userId }) =>
    bench.projects.askAsIdentity(claimInstallation, { userId, installationId: id }),
  )
  const looks = people.map(person => replica.call(person, 'GET', '/api/github/installations'))
  await Promise.all([...claims, ...looks])
  for (const claim of claims) expect(await claim).toMatchObject({ status: 'bound' })
  for (const person of people) {
    const { list } = await bench.projects.call(person, 'GET', '/api/github/installations')
    expect(list).toMatchObject([{ installation_id: id, repository_count: 2 }])
    const subjects = await subjectsOf(person)
    expect(subjects.filter(subject => subject === 'installation.bound')).toHaveLength(1)
    expect(subjects.filter(subject => subject === 'repo.created')).toHaveLength(2)
  }
})
