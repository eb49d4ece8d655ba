import { afterAll, beforeAll, expect, test } from 'bun:test'
import { makeBareRepository, useDirectory } from '../test-bench/git-repositories.ts'
import { byToken, newUser, startProjects } from '../test-bench/service.ts'

const root = useDirectory()
const bare = makeBareRepository(root, 'demo.git')
const user = newUser()

let projects: Awaited<ReturnType<typeof startProjects>>
const ids = new Map<string, string>()

async function add(full_name: string, root_directory: string | null, later: Record<string, unknown> = {}) {
  const body = { provider: 'git', remote_url: bare, full_name, root_directory }
  const { body: repo } = await projects.call(user, 'POST', '/api/repos', body)
  if (Object.keys(later).length > 0) await projects.call(user, 'PATCH', `/api/repos/${repo.id}`, later)
  ids.set(`${full_name}:${root_directory ?? ''}`, String(repo.id))
}

beforeAll(async () => {
  projects = await startProjects({ LOCAL_GIT_ROOTS: root })
  await add('b/one', 'z')
  await add('b/one', null)
  await add('a/two_x', 'two')
  await add('B/three', 'three')
  await add('z/favourite', 'f', { is_favorite: true })
  await add('a/hidden', 'h', { is_hidden: true })
})
afterAll(() => projects.stop())

const names = async (query: string) =>
  (await projects.call(user, 'GET', `/api/repos${query}`)).list.map(
    repo => `${repo.full_name}:${repo.root_directory ?? ''}`,
  )

test('favourites come first, then names, the root before its directories; hidden ones only on demand', async () => {
  const visible = ['z/favourite:f', 'B/three:three', 'a/two_x:two', 'b/one:', 'b/one:z']
  expect(await names('')).toEqual(visible)
  expect(await names('?show_hidden=TRUE')).toEqual(visible)
  expect(await names('?show_hidden=true')).toEqual(visible.toSpliced(2, 0, 'a/hidden:h'))
})

test('by id there is at most one, hidden too; what is no id of the user’s finds none', async () => {
  expect(await names(`?id=${ids.get('a/hidden:h')}`)).toEqual(['a/hidden:h'])
  expect(await names('?id=%20')).toHaveLength(5)
  for (const id of ['nonsense', '%00', crypto.randomUUID()]) expect(await names(`?id=${id}`)).toEqual([])
  const foreign = await projects.call(newUser(), 'GET', `/api/repos?id=${ids.get('b/one:')}`)
  expect(foreign.list).toEqual([])
})

const search = async (query: string, by = byToken(user)) => {
  const { status, body } = await projects.call(by, 'GET', `/api/v1/mogplex/repos${query}`)
  expect(status).toBe(200)
  expect(body.ok).toBe(true)
  return (body.data as { repos: Record<string, unknown>[] }).repos
}
const found = async (query: string) => (await search(query)).map(repo => repo.full_name)

test('scripts get five fields of the visible repos, by name', async () => {
  const repos = await search('')
  expect(repos.map(repo => repo.full_name)).toEqual(['B/three', 'a/two_x', 'b/one', 'b/one', 'z/favourite'])
  expect(repos[1]).toEqual({
    id: ids.get('a/two_x:two'),
    full_name: 'a/two_x',
    installation_id: null,
    default_branch: 'main',
    root_directory: 'two',
  })
  expect(await search('', byToken(newUser()))).toEqual([])
})

test('q is a literal part of the name, whatever its case', async () => {
  expect(await found('?q=%20B/%20')).toEqual(['B/three', 'b/one', 'b/one'])
  expect(await found('?q=O_X')).toEqual(['a/two_x'])
  expect(await found('?q=')).toHaveLength(5)
  for (const q of ['o%25x', '%25', 'o.x', 'hidden', '%00', "'", '%5C'])
    expect(await found(`?q=${q}`)).toEqual([])
})

test('id beats q', async () => {
  const id = ids.get('b/one:z')
  expect(await search(`?id=${id}&q=nothing`)).toMatchObject([{ id }])
  expect(await search(`?id=${id}&q=%00`)).toMatchObject([{ id }])
  for (const other of ['nonsense', ids.get('a/hidden:h'), crypto.randomUUID()])
    expect(await search(`?id=${other}`)).toEqual([])
})

test('limit is clamped, never an error', async () => {
  for (const [limit, count] of [
    ['2', 2],
    ['2abc', 2],
    ['0', 1],
    ['-3', 1],
    ['abc', 5],
    ['', 5],
    ['99999999999999999999', 5],
  ])
    expect(await search(`?limit=${limit}`)).toHaveLength(Number(count))
})
