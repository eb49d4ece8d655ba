/** Issue 2, "It must hold", 1: every row of the route table with every kind of caller. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { isPagePath } from '@mogplex/kit/pages/page.ts'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { isV1Path } from '@mogplex/proto/errors.ts'
import { ROUTES, type Route } from '@mogplex/proto/routes.ts'
import { type Credential, OPEN_DOORS, send } from '../accounts.ts'
import { answerFault } from '../described.ts'
import { type System, startSystem } from '../launch.ts'
import { GIT_ROOT, importRepository, makeRemote } from '../repositories.ts'
import { waitForEnd } from '../runs.ts'
import { openStorage, type Storage } from '../stored.ts'
import { type Belongings, type Kind, makeAnother, makeBelongings } from './belongings.ts'
import { type Example, examplesFor, type Sent } from './examples.ts'
import { expectedStatus, isGuardedByOrigin, takesCookie } from './expectations.ts'
import { type Caller, gatherPeople, type People, SECRETS } from './people.ts'

setDefaultTimeout(120_000)

let system: System
let storage: Storage
let people: People
let belongings: Belongings
let examples: Record<string, Example>
/** By envelope, every 401 that was answered. */
const refusals = { v1: new Set<string>(), internal: new Set<string>() }

beforeAll(async () => {
  system = await startSystem({
    env: { ...OPEN_DOORS, ...SECRETS, ENABLE_ECHO_HARNESS: 'true', LOCAL_GIT_ROOTS: GIT_ROOT },
  })
  storage = await openStorage(system)
  people = await gatherPeople(system, storage)
  belongings = await makeBelongings(system, people.owner)
  // Who has no repo at all is told to connect GitHub, where a sync is asked for.
  await importRepository(system, people.stranger, { remote_url: makeRemote().path })
  examples = examplesFor(people.owner)
}, 120_000)
afterAll(async () => {
  await storage.close()
  await system.stop()
}, 120_000)

const keyOf = ({ method, path }: Route) => `${method} ${path}`

test('every row of the route table has an example here, and every example a row', () => {
  const rows = ROUTES.map(keyOf).sort()
  expect(Object.keys(examplesFor({ email: '' })).sort()).toEqual(rows)
})

describe('each caller gets what the table says:', () => {
  for (const row of ROUTES) test(keyOf(row), () => walk(row))
})

async function walk(row: Route): Promise<void> {
  const example = exampleOf(row)
  const cast = example.endsSessions ? await gatherPeople(system, storage) : people
  const id = example.names ? await belongingFor(example, example.names) : ''
  const isServed = (caller: Caller) => expectedStatus(row, example, caller) === (example.status ?? 200)

  const before = await storage.read()
  for (const caller of cast.callers.filter(each => !isServed(each))) await ask(row, example, caller, id)
  await refusesOtherPages(row, example, cast, id)
  await refusesUnknownIds(row, example, cast)
  // What was refused had no effect, also not on what it named: it serves the first welcome caller.
  expect(await storage.read()).toEqual(before)

  let freshId = id
  for (const caller of cast.callers.filter(isServed)) {
    await ask(row, example, caller, freshId)
    if (example.usesUp && example.names) freshId = await belongingFor(example, example.names)
  }
}

function exampleOf(row: Route): Example {
  const example = examples[keyOf(row)]
  if (!example) throw new Error(`${keyOf(row)} has no example`)
  return example
}

async function belongingFor(example: Example, kind: Kind): Promise<string> {
  if (!example.usesUp || kind === 'run' || kind === 'sandbox') return belongings[kind]
  return makeAnother(system, people.owner, kind)
}

/** One request by one caller, and the same as HEAD where there is a GET. */
async function ask(row: Route, example: Example, caller: Caller, id: string): Promise<void> {
  const status = expectedStatus(row, example, caller)
  const response = await request(row.method, example.request(id), caller.credential)
  const text = await response.text()
  expect({ caller: caller.name, status: response.status, text }).toEqual({
    caller: caller.name,
    status,
    text,
  })
  expect(answerFault(row, response, text)).toBeNull()
  expectHeadersOf(response, row, caller)
  if (status >= 400) expectEnvelope(row, response, text)
  // Whoever signs in has said who they are in the body.
  if (caller.who === 'stranger' && row.access !== 'public') expectNothingOfTheOwner(text)
  if (response.status === 202) await waitForRest(JSON.parse(text).data.runId)
  if (row.method !== 'GET') return
  const head = await request('HEAD', example.request(id), caller.credential)
  expect([caller.name, head.status, await head.text()]).toEqual([caller.name, status, ''])
}

/** A run that has ended still puts its sandbox to rest, which is no effect of the requests that follow. */
async function waitForRest(runId: string): Promise<void> {
  await waitForEnd(system, people.owner, runId)
  let last = ''
  const isQuiet = async () => {
    const before = last
    last = JSON.stringify(await storage.read())
    return last === before
  }
  await waitUntil(isQuiet, { limitMs: 10_000, everyMs: 100 })
}

function request(method: string, { path, json, headers = {} }: Sent, as: Credential): Promise<Response> {
  return send(system, method, path, { as, json, headers })
}

function expectHeadersOf(response: Response, row: Route, caller: Caller): void {
  const { headers } = response
  expect(headers.get('x-request-id')).toMatch(/^[A-Za-z0-9._-]{8,128}$/)
  expect(headers.get('cache-control')).toBe(row.path.startsWith('/assets/') ? 'no-cache' : 'no-store')
  if (isPagePath(row.path)) expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
  expect(headers.get('x-content-type-options')).toBe('nosniff')
  expect(headers.get('www-authenticate')).toBe(response.status === 401 ? 'Bearer realm="mogplex"' : null)
  if (takesCookie(row, caller))
    expect(headers.get('set-cookie')).toMatch(/^mogplex_session=;.*(Max-Age=0|Expires=Thu, 01 Jan 1970)/)
}

const CODES: Record<number, string> = {
  ...{ 400: 'BAD_REQUEST', 401: 'UNAUTHORIZED', 403: 'FORBIDDEN', 503: 'SERVICE_UNAVAILABLE' },
}

function expectEnvelope(row: Route, response: Response, text: string): void {
  if (isPagePath(row.path)) {
    expect(text).toStartWith('<!doctype html>')
    return
  }
  const isV1 = isV1Path(row.path)
  const body = JSON.parse(text)
  if (isV1) expect(body).toEqual({ ok: false, error: { code: body.error.code, message: expect.any(String) } })
  else expect({ ...body, field: 0 }).toEqual({ error: expect.any(String), code: body.code, field: 0 })
  const { code, message } = isV1 ? body.error : { code: body.code, message: body.error }
  if (response.status === 401) refusals[isV1 ? 'v1' : 'internal'].add(text)
  if (response.status === 404) expect(code).toMatch(/NOT_FOUND$/)
  else expect(code).toBe(CODES[response.status])
  if (response.status !== 403 || row.access === 'session') return
  expect(message).toContain('/settings/api-keys')
  expect(message).toContain(`${row.scope}`)
}

function expectNothingOfTheOwner(text: string): void {
  const { owner } = people
  for (const mark of [owner.userId, owner.email, ...Object.values(belongings)])
    expect(text).not.toContain(mark)
}

/** A browser that some other site made send it, cookie and all. */
async function refusesOtherPages(row: Route, example: Example, cast: People, id: string): Promise<void> {
  if (!isGuardedByOrigin(row)) return
  const sent = example.request(id)
  const signs: Record<string, string>[] = [
    { origin: 'https://evil.example' },
    { referer: 'https://evil.example/page' },
    { 'sec-fetch-site': 'cross-site' },
  ]
  for (const headers of signs) {
    const response = await request(row.method, { ...sent, headers }, { cookie: cast.owner.cookie })
    expect([headers, response.status, (await response.json()).code]).toEqual([headers, 403, 'FORBIDDEN'])
  }
}

/** Unknown, malformed and somebody else's ids are all the same to a caller. */
async function refusesUnknownIds(row: Route, example: Example, { stranger, owner }: People): Promise<void> {
  if (!example.names) return
  const credential = row.access === 'session' ? 'cookie' : 'token'
  const foreign = await request(row.method, example.request(belongings[example.names]), {
    [credential]: stranger[credential],
  })
  const body = await foreign.text()
  expect(foreign.status).toBe(404)
  for (const id of [crypto.randomUUID(), belongings[example.names].slice(1), 'x', '1', "' or 1=1--"]) {
    const sent = example.request(row.path.includes(':') ? encodeURIComponent(id) : id)
    const unknown = await request(row.method, sent, { [credential]: owner[credential] })
    expect([id, unknown.status, await unknown.text()]).toEqual([id, 404, body])
  }
}

test("lists filtered by somebody else's ids are empty", async () => {
  const as = { token: people.stranger.token }
  const [repo, v1Repos, sandboxes] = await Promise.all(
    [
      `/api/repos?id=${belongings.repo}`,
      `/api/v1/mogplex/repos?id=${belongings.repo}`,
      `/api/v1/mogplex/sandboxes?repo_id=${belongings.repo}`,
    ].map(async path => (await send(system, 'GET', path, { as })).json()),
  )
  expect(repo).toEqual([])
  expect(v1Repos).toEqual({ ok: true, data: { repos: [] } })
  expect(sandboxes).toEqual({ ok: true, data: { sandboxes: [] } })
})

test('a known path answers other methods with 405 and those it has', async () => {
  const byPath = Map.groupBy(ROUTES, row => row.path)
  for (const [path, rows] of byPath) {
    const has = rows.map(row => row.method)
    const allowed = [...has, ...(has.includes('GET') ? ['HEAD'] : [])].sort()
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].filter(each => !allowed.includes(each))) {
      // Cron routes say so to their own callers only; elsewhere the secret is nothing.
      const as = { token: SECRETS.CRON_SECRET }
      const response = await send(system, method, path.replace(/:\w+/, crypto.randomUUID()), { as })
      const text = await response.text()
      expect([method, path, response.status, response.headers.get('allow')]).toEqual([
        ...[method, path, 405],
        allowed.join(', '),
      ])
      expect(text).toContain(isPagePath(path) ? '<!doctype html>' : '"code":"BAD_REQUEST"')
    }
  }
})

test('below a gate an unknown path looks like a known one to whoever lacks the secret', async () => {
  for (const { name, credential, mode, opensCron } of people.callers) {
    const cron = await send(system, 'POST', '/api/cron/nothing', { as: credential })
    const tests = await send(system, 'POST', '/api/test/nothing', { as: credential })
    const expected = [opensCron ? 404 : 401, mode === 'test' ? 404 : 401]
    expect([name, cron.status, tests.status]).toEqual([name, ...expected])
    for (const response of [cron, tests])
      if (response.status === 401) refusals.internal.add(await response.text())
  }
})

test('all refused credentials get one and the same answer', () => {
  expect([...refusals.v1]).toEqual(['{"ok":false,"error":{"code":"UNAUTHORIZED","message":"Unauthorized"}}'])
  expect([...refusals.internal]).toEqual(['{"error":"Unauthorized","code":"UNAUTHORIZED"}'])
})

test('an unknown path is 404 to everybody', async () => {
  for (const path of ['/api/nothing', '/api/v1/mogplex/nothing', '/api/reposx', '/nothing']) {
    for (const { credential } of people.callers) {
      const response = await send(system, 'GET', path, { as: credential })
      expect([path, response.status]).toEqual([path, 404])
      await response.text()
    }
  }
})
