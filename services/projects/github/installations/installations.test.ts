import { afterAll, beforeAll, expect, test } from 'bun:test'
import { nextGithubId } from '@mogplex/kit/test-bench/github-world.ts'
import { claimInstallation, githubSummary, reconcileInstallations } from '@mogplex/proto/projects.ts'
import { type GithubBench, newRepo, startProjectsWithGithub } from '../../test-bench/github.ts'
import { newUser } from '../../test-bench/service.ts'

let bench: GithubBench
beforeAll(async () => {
  bench = await startProjectsWithGithub()
})
afterAll(() => bench.stop())

type Person = ReturnType<GithubBench['newPerson']>
const list = async (person: { userId: string }, query = '') =>
  (await bench.projects.call(person, 'GET', `/api/github/installations${query}`)).list
const idsOf = async (person: Person, query = '') =>
  (await list(person, query)).map(({ installation_id }) => installation_id)
const subjectsOf = async (person: Person) =>
  (await bench.projects.eventsOf(person)).map(({ subject }) => subject.replace('evt.projects.', ''))

test('an installation on the user’s own account is found, bound, synced and shown', async () => {
  const person = bench.newPerson('Kim')
  const [b, a] = [newRepo('Kim/b'), newRepo('Kim/a')]
  const { id } = bench.installOnPerson({ ...person.account, login: 'KIM' }, [b, a])
  const rows = await bench.projects.sql`select 1 from projects.repos where user_id = ${person.userId}`
  expect(rows).toHaveLength(0)
  expect(await list(person)).toEqual([
    {
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      installation_id: id,
      account_login: 'KIM',
      account_type: 'User',
      target_type: 'User',
      repositories: [
        { id: expect.any(String), full_name: 'Kim/a' },
        { id: expect.any(String), full_name: 'Kim/b' },
      ],
      repository_count: 2,
      synced_repo_count: 2,
      scope_label: 'User',
      manage_url: `${bench.github.settings.GITHUB_URL}/settings/installations/${id}`,
    },
  ])
  expect(await subjectsOf(person)).toEqual([
    'installation.bound',
    ...['workspace.created', 'repo.created', 'repo.created', 'repo.coverage', 'repo.coverage'],
    'installation.synced',
  ])
  const [synced] = (await bench.projects.eventsOf(person)).slice(-1)
  expect(synced?.payload).toEqual({ installationId: id, rebind: { allowed: true, reason: 'none' } })
})

test('an organisation’s is bound to those who run it, and to nobody else', async () => {
  const [admin, member, invited, stranger] = ['admin', 'member', 'invited', 'stranger'].map(name =>
    bench.newPerson(`${name}-${nextGithubId()}`),
  ) as [Person, Person, Person, Person]
  const org = bench.newOrg({
    [admin.account.login]: { role: 'admin', state: 'active' },
    [member.account.login]: { role: 'member', state: 'active' },
    [invited.account.login]: { role: 'admin', state: 'pending' },
  })
  const { id } = bench.installOnOrg(org)
  for (const person of [member, invited, stranger]) {
    expect(await idsOf(person)).toEqual([])
    const claimed = await bench.projects.askAsIdentity(claimInstallation, {
      userId: person.userId,
      installationId: id,
    })
    expect(claimed).toEqual({ status: 'forbidden' })
    expect(await bench.projects.eventsOf(person)).toEqual([])
  }
  expect(await list(admin)).toMatchObject([
    {
      installation_id: id,
      scope_label: 'Org',
      manage_url: `${bench.github.settings.GITHUB_URL}/organizations/${org.login}/settings/installations/${id}`,
    },
  ])
})

test('a look lets go of what is no longer the user’s, where GitHub says so, and of that alone', async () => {
  const [left, stays] = [bench.newPerson(), bench.newPerson()]
  const admin = { role: 'admin' as const, state: 'active' as const }
  const org = bench.newOrg({ [left.account.login]: admin, [stays.account.login]: admin })
  const { id } = bench.installOnOrg(org, [newRepo()])
  expect([await idsOf(left), await idsOf(stays)]).toEqual([[id], [id]])
  org.members[left.account.login] = { ...admin, role: 'member' }

  const path = `/user/memberships/orgs/${org.login}`
  bench.github.broken.set(path, () => Response.json({}, { status: 403 }))
  expect(await idsOf(left, '?refresh=true')).toEqual([id])
  bench.github.broken.delete(path)
  expect(await idsOf(left, '?refresh=true')).toEqual([])
  expect((await bench.projects.call(left, 'GET', '/api/repos')).list).toMatchObject([
    { github_installation_id: null, github_app_covered: false },
  ])
  expect((await subjectsOf(left)).slice(-2)).toEqual(['repo.coverage', 'installation.removed'])
  expect(await idsOf(stays, '?refresh=true')).toEqual([id])

  bench.world.installations.delete(id)
  expect(await idsOf(stays, '?refresh=true')).toEqual([])
})

test('a login that has changed hands proves nothing: the numbers must be the same', async () => {
  const person = bench.newPerson()
  bench.installOnPerson({ id: nextGithubId(), login: person.account.login })
  expect(await idsOf(person)).toEqual([])
  // An organisation is asked for by name, and another now has it.
  const org = bench.newOrg({ [person.account.login]: { role: 'admin', state: 'active' } })
  bench.install({ id: nextGithubId(), login: org.login, type: 'Organization' })
  expect(await idsOf(person, '?refresh=true')).toEqual([])
})

test('a repo row that names an owner proves nothing', async () => {
  const person = bench.newPerson()
  const org = bench.newOrg()
  const { id } = bench.installOnOrg(org, [newRepo(`${org.login}/one`)])
  const body = { github_id: nextGithubId(), full_name: `${org.login}/one`, github_installation_id: id }
  const made = await bench.projects.call(person, 'POST', '/api/repos', body)
  expect(made.body).toMatchObject({ github_installation_id: null, github_app_covered: false })
  expect(await idsOf(person, '?refresh=true')).toEqual([])
})

test('one account that cannot be looked up does not stop the others', async () => {
  const person = bench.newPerson()
  const members = { [person.account.login]: { role: 'admin' as const, state: 'active' as const } }
  const [broken, good] = [bench.newOrg(members), bench.newOrg(members)]
  bench.installOnOrg(broken)
  const { id } = bench.installOnOrg(good)
  const path = `/orgs/${broken.login}/installation`
  bench.github.broken.set(path, () => new Response('<html>'))
  expect(await idsOf(person)).toEqual([id])
  bench.github.broken.delete(path)
  expect(await idsOf(person)).toEqual([id])
  expect((await idsOf(person, '?refresh=true')).length).toBe(2)
})

test('who has nothing installed is looked up once in five minutes, or when asked for', async () => {
  const person = bench.newPerson()
  const asked = () => bench.asked(new RegExp(`^/users/${person.account.login}/installation$`))
  await list(person)
  await list(person)
  expect(asked()).toBe(1)
  await list(person, '?refresh=yes')
  expect(asked()).toBe(1)
  await list(person, '?refresh=true')
  expect(asked()).toBe(2)
})

test('those who look at once share one look', async () => {
  const person = bench.newPerson()
  const asked = () => bench.asked(new RegExp(`^/users/${person.account.login}/installation$`))
  const gate = Promise.withResolvers<void>()
  const path = `/orgs/${person.account.login}/installation`
  bench.github.broken.set(path, async () => {
    await gate.promise
    return Response.json({}, { status: 404 })
  })
  const first = list(person)
  while (bench.asked(new RegExp(`^${path}$`)) === 0) await Bun.sleep(1)
  const looks = [list(person, '?refresh=true'), list(person, '?refresh=true')]
  const question = bench.projects.askAsIdentity(reconcileInstallations, { userId: person.userId })
  // Whoever came before these has joined by the time they are answered.
  for (let fence = 0; fence < 5; fence += 1) {
    await bench.projects.askAsIdentity(githubSummary, { userId: person.userId })
    await bench.projects.call(person, 'GET', '/api/repos')
  }
  gate.resolve()
  await Promise.all([first, ...looks, question])
  bench.github.broken.delete(path)
  expect(asked()).toBe(1)
})

test('what is stored is shown while GitHub or identity does not answer', async () => {
  const person = bench.newPerson()
  const { id } = bench.installOnPerson(person.account)
  expect(await idsOf(person)).toEqual([id])
  const path = `/orgs/${person.account.login}/installation`
  bench.github.broken.set(path, () => Response.json({}, { status: 401 }))
  expect(await idsOf(person, '?refresh=true')).toEqual([id])
  bench.github.broken.delete(path)
  expect(await list(newUser())).toEqual([])
})

test('what is not known of an installation is asked for, and a null of GitHub’s takes nothing away', async () => {
  const person = bench.newPerson()
  const { id } = bench.installOnPerson(person.account)
  await list(person)
  await bench.projects.sql`
    update projects.github_installations set target_type = null, account_login = null where installation_id = ${id}`
  expect(await list(person)).toMatchObject([{ account_login: person.account.login, target_type: 'User' }])
  const installation = bench.world.installations.get(id)
  if (installation) bench.world.installations.set(id, { ...installation, target_type: undefined } as never)
  expect(await list(person, '?refresh=true')).toMatchObject([{ target_type: 'User' }])
})

test('a suspended installation counts for nothing until it is in use again', async () => {
  const person = bench.newPerson()
  const installation = bench.installOnPerson(person.account, [newRepo()])
  expect(await list(person)).toMatchObject([{ repository_count: 1 }])
  bench.world.installations.set(installation.id, { ...installation, suspended_at: '2026-01-01T00:00:00Z' })
  expect(await list(person, '?refresh=true')).toEqual([])
  expect(await bench.projects.askAsIdentity(githubSummary, { userId: person.userId })).toMatchObject({
    ...{ installationCount: 0, syncedRepoCount: 1, coveredRepoCount: 0 },
  })
  expect(await subjectsOf(person)).toEqual(
    expect.arrayContaining(['installation.suspended', 'repo.coverage']),
  )
  const claimed = await bench.projects.askAsIdentity(claimInstallation, {
    ...{ userId: person.userId, installationId: installation.id },
  })
  expect(claimed).toEqual({ status: 'bound', isSynced: false })
  const asked = () => bench.asked(new RegExp(`^/users/${person.account.login}/installation$`))
  const before = asked()
  expect(await list(person)).toEqual([])
  expect(asked()).toBe(before)
  bench.world.installations.set(installation.id, installation)
  expect(await list(person, '?refresh=true')).toMatchObject([{ repository_count: 1 }])
})
