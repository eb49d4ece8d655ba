import { afterAll, beforeAll, expect, test } from 'bun:test'
import { makeBareRepository, useDirectory } from '../test-bench/git-repositories.ts'
import { newUser, startProjects } from '../test-bench/service.ts'

const root = useDirectory()
let projects: Awaited<ReturnType<typeof startProjects>>
beforeAll(async () => {
  projects = await startProjects({ LOCAL_GIT_ROOTS: root })
})
afterAll(() => projects.stop())

const create = (user: ReturnType<typeof newUser>, name: unknown) =>
  projects.call(user, 'POST', '/api/workspaces', { name })

test('a workspace is made with defaults, listed, read, changed and deleted, each told once', async () => {
  const user = newUser()
  const made = await create(user, '  Payments ')
  expect(made.status).toBe(200)
  expect(made.body).toEqual({
    id: expect.any(String),
    user_id: user.userId,
    name: 'Payments',
    description: null,
    is_default: false,
    sandbox_timeout_ms: 18_000_000,
    sandbox_idle_timeout_ms: 1_800_000,
    created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    updated_at: expect.any(String),
    repo_count: 0,
  })
  const path = `/api/workspaces/${made.body.id}`
  expect((await projects.call(user, 'GET', '/api/workspaces')).list).toEqual([made.body])
  expect((await projects.call(user, 'GET', path)).body).toEqual(made.body)

  expect((await projects.call(user, 'PATCH', path, {})).body).toEqual(made.body)
  const changed = await projects.call(user, 'PATCH', path, {
    name: 'Billing',
    description: ' About money ',
    is_default: true,
    sandbox_timeout_ms: 1,
    sandbox_idle_timeout_ms: '300001.9',
  })
  expect(changed.body).toMatchObject({
    name: 'Billing',
    description: 'About money',
    is_default: false,
    sandbox_timeout_ms: 600_000,
    sandbox_idle_timeout_ms: 300_001,
  })
  expect((await projects.call(user, 'DELETE', path)).body).toEqual({ ok: true })
  expect((await projects.call(user, 'GET', path)).status).toBe(404)
  expect((await projects.eventsOf(user)).map(({ subject }) => subject)).toEqual([
    'evt.projects.workspace.created',
    'evt.projects.workspace.updated',
    'evt.projects.workspace.deleted',
  ])
})

test.each([
  [{ sandbox_timeout_ms: 1e300, sandbox_idle_timeout_ms: 1e300 }, 18_000_000, 18_000_000],
  [{ sandbox_timeout_ms: null, sandbox_idle_timeout_ms: 'soon' }, 18_000_000, 1_800_000],
  [{ sandbox_timeout_ms: -5, sandbox_idle_timeout_ms: 0 }, 600_000, 300_000],
  [{ sandbox_timeout_ms: [], sandbox_idle_timeout_ms: true }, 18_000_000, 1_800_000],
])('timeouts %j are kept within bounds', async (fields, lifetime, idle) => {
  const made = await projects.call(newUser(), 'POST', '/api/workspaces', { name: 'W', ...fields })
  expect(made.body).toMatchObject({ sandbox_timeout_ms: lifetime, sandbox_idle_timeout_ms: idle })
})

test.each([
  [{}, 'name'],
  [{ name: '  ' }, 'name'],
  [{ name: 5 }, 'name'],
  [{ name: 'x'.repeat(101) }, 'name'],
  [{ name: 'a\0b' }, 'name'],
  [{ name: 'half \ud800' }, 'name'],
  [{ name: 'ok', description: 'x'.repeat(1_001) }, 'description'],
])('bad input %j is 400 naming the field, and nothing is stored', async (body, field) => {
  const user = newUser()
  const answer = await projects.call(user, 'POST', '/api/workspaces', body)
  expect(answer).toMatchObject({ status: 400, body: { code: 'BAD_REQUEST' } })
  expect(answer.body.error).toContain(field)
  expect((await projects.call(user, 'GET', '/api/workspaces')).list).toEqual([])
})

test('a name is taken whatever its case, for this user only', async () => {
  const user = newUser()
  await create(user, 'Ünique')
  expect(await create(user, 'üNIQUE')).toMatchObject({ status: 409, body: { code: 'DUPLICATE_NAME' } })
  expect((await create(newUser(), 'Ünique')).status).toBe(200)
  const other = await create(user, 'Other')
  const path = `/api/workspaces/${other.body.id}`
  expect((await projects.call(user, 'PATCH', path, { name: 'ünique' })).body.code).toBe('DUPLICATE_NAME')
  expect((await projects.call(user, 'PATCH', path, { name: 'OTHER' })).body.name).toBe('OTHER')
  expect((await projects.call(user, 'PATCH', path, { name: '' })).status).toBe(400)
})

test('at most 100 workspaces, exactly, also when many are made at once', async () => {
  const user = newUser()
  const answers = await Promise.all(Array.from({ length: 110 }, (_, i) => create(user, `W ${i}`)))
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(100)
  expect(answers.filter(({ body }) => body.code === 'LIMIT_REACHED')).toHaveLength(10)
  expect((await projects.call(user, 'GET', '/api/workspaces')).list).toHaveLength(100)
})

test('ids that are unknown, foreign or malformed are one and the same 404, before the body is read', async () => {
  const mine = await create(newUser(), 'Mine')
  const ids = [crypto.randomUUID(), String(mine.body.id), 'nonsense', '%00', '%E0%A4%A']
  for (const method of ['GET', 'PATCH', 'DELETE']) {
    for (const id of ids) {
      const response = await projects.send(method, `/api/workspaces/${id}`, {
        as: newUser(),
        ...(method === 'GET' ? {} : { body: 'no json' }),
      })
      expect(response.status).toBe(404)
      expect(await response.json()).toEqual({ error: 'Workspace not found', code: 'NOT_FOUND' })
    }
  }
})

test('imports at the same time share one default workspace, which comes first and stays', async () => {
  const user = newUser()
  await create(user, 'imported repos')
  const names = ['one', 'two', 'three', 'four']
  for (const name of names) makeBareRepository(root, `${name}.git`)
  const imports = await Promise.all(
    names.map(name =>
      projects.call(user, 'POST', '/api/repos', { provider: 'git', remote_url: `${root}/${name}.git` }),
    ),
  )
  expect(imports.map(({ status }) => status)).toEqual([200, 200, 200, 200])
  const { list } = await projects.call(user, 'GET', '/api/workspaces')
  expect(list).toMatchObject([
    { name: 'Imported Repos 2', is_default: true, repo_count: 4 },
    { name: 'imported repos', is_default: false, repo_count: 0 },
  ])
  expect(await projects.call(user, 'DELETE', `/api/workspaces/${list[0]?.id}`)).toMatchObject({
    status: 409,
    body: { code: 'CONFLICT' },
  })
})

test('a workspace being filled is not deleted, one being deleted is not filled', async () => {
  const user = newUser()
  const repositories = Array.from({ length: 6 }, (_, i) => makeBareRepository(root, `race-${i}.git`))
  for (const path of repositories) {
    const { body } = await create(user, path.slice(-10))
    const [imported, deleted] = await Promise.all([
      projects.call(user, 'POST', '/api/repos', {
        provider: 'git',
        remote_url: path,
        workspace_id: body.id,
      }),
      Bun.sleep(Math.random() * 40).then(() => projects.call(user, 'DELETE', `/api/workspaces/${body.id}`)),
    ])
    expect([imported.status, deleted.status]).toEqual(imported.status === 200 ? [200, 409] : [404, 200])
  }
})
