/** Somebody with an account of their own and the ids of somebody else. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { type Account, call, makeToken, OPEN_DOORS, send, signUpWithToken } from '../system/accounts.ts'
import { openStream } from '../system/event-stream.ts'
import { type System, startSystem } from '../system/launch.ts'
import { type Belongings, makeBelongings } from '../system/route-table/belongings.ts'
import { examplesFor } from '../system/route-table/examples.ts'
import { STAGE_SETTINGS } from '../system/stages.ts'

setDefaultTimeout(120_000)

let system: System
let ada: Account
let eve: Account
let belongings: Belongings
beforeAll(async () => {
  system = await startSystem({ env: { ...OPEN_DOORS, ...STAGE_SETTINGS } })
  ada = await signUpWithToken(system)
  eve = await signUpWithToken(system)
  belongings = await makeBelongings(system, ada)
})
afterAll(() => system.stop())

const V1 = '/api/v1/mogplex'
const examples = Object.entries(examplesFor({ email: 'nobody@example.test' }))
const byId = examples.flatMap(([route, { names, request }]) => (names ? [{ route, names, request }] : []))

test.each(byId)('Eve tries $route with the id of what is Ada’s', async ({ route, names, request }) => {
  const [method = ''] = route.split(' ')
  const { path, json, headers } = request(belongings[names])
  for (const as of [{ token: eve.token }, { cookie: eve.cookie }]) {
    const answer = await send(system, method, path, {
      as,
      ...(json ? { json } : {}),
      ...(headers ? { headers } : {}),
    })
    // Where no such credential comes, it is refused before anybody looks at the id.
    expect(answer.status).toBeOneOf([401, 403, 404])
    expect(await answer.text()).not.toContain(ada.email)
  }
})

test('afterwards Ada has all that was hers', async () => {
  const as = { token: ada.token }
  await call(system, 'GET', `/api/repos/${belongings.repo}`, { as })
  await call(system, 'GET', `/api/workspaces/${belongings.workspace}`, { as })
  await call(system, 'GET', `${V1}/runs/${belongings.run}`, { as })
  const cookie = { as: { cookie: ada.cookie } }
  const { body: keys } = await call(system, 'GET', '/api/settings/api-keys', cookie)
  const { body: sessions } = await call(system, 'GET', '/api/auth/sessions', cookie)
  expect(JSON.stringify(keys)).toContain(belongings.token)
  expect(JSON.stringify(sessions)).toContain(belongings.session)
})

const LISTS = [
  ...['/api/repos', '/api/workspaces', '/api/settings/api-keys', '/api/auth/sessions', '/api/settings/audit'],
  ...[`${V1}/repos`, `${V1}/sandboxes`, '/api/repos?limit=1000', '/api/github/installations'],
]

test.each(LISTS)('Eve looks for what is Ada’s in %s', async path => {
  for (const as of [{ token: eve.token }, { cookie: eve.cookie }]) {
    const text = await (await send(system, 'GET', path, { as })).text()
    for (const id of [...Object.values(belongings), ada.userId, ada.email]) expect(text).not.toContain(id)
  }
})

test.each([
  ['in the query', (id: string) => `/api/repos?user_id=${id}`],
  ['twice in the query', (id: string) => `/api/repos?userId=${id}&user_id=${id}`],
  ['as the owner', (id: string) => `${V1}/repos?owner=${id}`],
])('Eve says %s that she is Ada', async (_, path) => {
  const text = await (await send(system, 'GET', path(ada.userId), { as: { token: eve.token } })).text()
  expect(text).not.toContain(belongings.repo)
})

test('Eve follows the events of Ada’s run', async () => {
  const answer = await openStream(system, { token: eve.token }, belongings.run)
  expect(answer.status).toBe(404)
})

test('Eve asks for Ada’s run by the key that Ada gave it', async () => {
  const key = crypto.randomUUID()
  const json = { repoId: belongings.repo, prompt: 'say hello', harness: 'echo', createBranch: true }
  const headers = { 'idempotency-key': key }
  await call(system, 'POST', `${V1}/runs`, { as: { token: ada.token }, json, headers })
  expect((await send(system, 'POST', `${V1}/runs`, { as: { token: eve.token }, json, headers })).status).toBe(
    404,
  )
})

test('Eve puts her repository into Ada’s workspace', async () => {
  const json = {
    provider: 'git',
    remote_url: 'https://git.invalid/x.git',
    workspace_id: belongings.workspace,
  }
  expect((await send(system, 'POST', '/api/repos', { as: { token: eve.token }, json })).status).toBe(404)
})

const changing = examples.filter(([route]) => !route.startsWith('GET') && !route.includes('/auth/sign'))

test('a token that may only read tries to change something, by every route there is', async () => {
  const token = await makeToken(system, ada, ['read'])
  for (const [route, { names, request }] of changing) {
    const { path, json, headers } = request(names ? belongings[names] : '')
    if (path.startsWith('/api/auth/')) continue
    const [method = ''] = route.split(' ')
    const answer = await send(system, method, path, {
      as: { token },
      json: json ?? {},
      ...(headers ? { headers } : {}),
    })
    expect([route, answer.status]).toEqual([route, path.startsWith('/api/cron/') ? 503 : 403])
  }
})

test('a token that may only write reads', async () => {
  const token = await makeToken(system, ada, ['write'])
  for (const path of ['/api/repos', `${V1}/repos`, `${V1}/runs/${belongings.run}`])
    expect((await send(system, 'GET', path, { as: { token } })).status).toBe(403)
})

test('a token makes itself another one', async () => {
  const answer = await send(system, 'POST', '/api/settings/api-keys', {
    as: { token: ada.token },
    json: { name: 'more' },
  })
  expect(answer.status).toBe(403)
})

test.each([
  ['a name', { name: { $ne: null } }],
  ['a prototype', { name: 'x', __proto__: { user_id: 'x' }, constructor: { prototype: { admin: true } } }],
  ['an owner', { name: 'mine', user_id: () => ada.userId, userId: () => ada.userId }],
])('Eve sends %s that is more than a name', async (_, fields) => {
  const json = Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [key, typeof value === 'function' ? value() : value]),
  )
  await send(system, 'POST', '/api/workspaces', { as: { token: eve.token }, json })
  const { body } = await call(system, 'GET', '/api/workspaces', { as: { token: ada.token } })
  expect(JSON.stringify(body)).not.toContain('mine')
})
