/** Some thousand requests nobody thought of: the product answers each and stays up (issue 2, 7). */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { ROUTES } from '@mogplex/proto/routes.ts'
import fc from 'fast-check'
import { type Account, OPEN_DOORS, send, signUpWithToken } from './accounts.ts'
import { INPUTS } from './bad-input/inputs.ts'
import { MALFORMED_IDS, NO_OBJECTS, ODD_IDS, QUERY_VALUES, VALUES } from './bad-input/values.ts'
import { type System, startSystem } from './launch.ts'
import { GIT_ROOT, makeRepository } from './repositories.ts'

const BATCH_SIZE = 20
/** How many requests; `FUZZ_REQUESTS` sets another number. */
const BATCHES = Math.ceil(Number(process.env.FUZZ_REQUESTS ?? 100_000) / BATCH_SIZE)
/** What a process may keep for good: code that was compiled, connections, caches that are full. */
const KEPT_BYTES = 192 * 1024 * 1024

setDefaultTimeout(90_000 + BATCHES * 200)

let system: System
let ada: Account
let repoId: string
beforeAll(async () => {
  system = await startSystem({
    // Without a secret the scheduler's routes are 503 to everybody, on purpose.
    env: { ...OPEN_DOORS, ENABLE_ECHO_HARNESS: 'true', LOCAL_GIT_ROOTS: GIT_ROOT, CRON_SECRET: 'unguessed' },
  })
  ada = await signUpWithToken(system)
  repoId = (await makeRepository(system, ada)).repoId
}, 120_000)
afterAll(async () => {
  await system.stop()
}, 120_000)

interface Shot {
  method: string
  path: string
  headers: Record<string, string>
  body: string | Uint8Array<ArrayBuffer> | null
}

const FIELDS = [...new Set(Object.values(INPUTS).flatMap(({ fields }) => Object.keys(fields ?? {})))]
const PARAMETERS = [...new Set(Object.values(INPUTS).flatMap(({ query }) => Object.keys(query ?? {}))), 'x']

const method = fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS')

/** An id, now and then one that exists; `REPO` becomes it when the request is sent. */
const segment = fc.oneof(
  fc.constantFrom('REPO', ...ODD_IDS, ...MALFORMED_IDS),
  fc.uuid(),
  fc.string({ unit: 'binary', maxLength: 40 }).map(encodeURIComponent),
)

/** A row of the table and some id, now and then with another method. */
const target = fc
  .record({ row: fc.constantFrom(...ROUTES), id: segment, method: fc.option(method, { freq: 5 }) })
  .map(({ row, id, method: other }) => ({
    method: other ?? row.method,
    path: row.path.replace(/:\w+/, () => id),
  }))

/** A path like those of the table, and no row of it. */
const elsewhere = fc.record({
  method,
  path: fc
    .array(fc.oneof(segment, fc.constantFrom('api', 'v1', 'mogplex', 'runs')), { maxLength: 40 })
    .map(parts => `/${parts.join('/')}`),
})

const query = fc
  .array(fc.tuple(fc.constantFrom(...PARAMETERS), fc.constantFrom('REPO', ...QUERY_VALUES)), { maxLength: 3 })
  .map(pairs => (pairs.length === 0 ? '' : `?${pairs.map(pair => pair.join('=')).join('&')}`))

/** What a header may hold on the wire. */
const headerText = fc.string({
  unit: fc.integer({ min: 0x20, max: 0x7e }).map(code => String.fromCharCode(code)),
  maxLength: 60,
})

const oddHeaders = fc.dictionary(
  fc.constantFrom(
    ...[
      'accept',
      'content-type',
      'content-encoding',
      'idempotency-key',
      'last-event-id',
      'origin',
      'referer',
    ],
    ...['x-request-id', 'x-mogplex-identity', 'x-forwarded-for', 'if-none-match', 'range', 'accept-encoding'],
    ...['x-http-method-override', 'traceparent', 'upgrade', 'expect', 'te', 'forwarded', 'x-user-id'],
  ),
  fc.oneof(headerText, fc.constantFrom('text/event-stream', 'application/json', 'gzip', '*/*', 'null', '')),
  { maxKeys: 5 },
)

/** JSON text with fields the product knows and values it may not. */
const knownFields = fc
  .array(
    fc.tuple(
      fc.constantFrom(...FIELDS),
      fc.oneof(fc.constantFrom(...VALUES.map(({ json }) => json)), fc.json(), fc.constant('"REPO"')),
    ),
    { maxLength: 6 },
  )
  .map(members => `{${members.map(([name, json]) => `${JSON.stringify(name)}:${json}`).join(',')}}`)

const body = fc.oneof(
  { weight: 6, arbitrary: knownFields },
  { weight: 1, arbitrary: fc.json() },
  { weight: 1, arbitrary: fc.constantFrom(...NO_OBJECTS) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 200 }) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map(bytes => Uint8Array.from(bytes)) },
)

const shot: fc.Arbitrary<Shot> = fc
  .record({
    to: fc.oneof({ weight: 8, arbitrary: target }, { weight: 1, arbitrary: elsewhere }),
    query,
    headers: oddHeaders,
    body: fc.option(body),
  })
  .map(({ to, query, headers, body }) => ({
    method: to.method,
    path: to.path + query,
    headers,
    body: to.method === 'GET' || to.method === 'HEAD' ? null : body,
  }))

/** As whom: mostly somebody who may. The token stays good whatever the requests do; a session may end. */
const credential = fc.constantFrom('token', 'token', 'cookie', 'both', 'none')

async function fire({ method, path, headers, body }: Shot, who: string): Promise<number | string> {
  const known = (text: string) => text.replaceAll('REPO', repoId)
  const as = {
    ...(who === 'token' || who === 'both' ? { token: ada.token } : {}),
    ...(who === 'cookie' || who === 'both' ? { cookie: ada.cookie } : {}),
  }
  try {
    const response = await fetch(system.baseUrl + known(path), {
      method,
      redirect: 'manual',
      signal: AbortSignal.timeout(20_000),
      headers: {
        ...(as.token ? { authorization: `Bearer ${as.token}` } : {}),
        ...(as.cookie ? { cookie: as.cookie } : {}),
        'content-type': 'application/json',
        ...headers,
      },
      ...(body === null ? {} : { body: typeof body === 'string' ? known(body) : body }),
    })
    await response.arrayBuffer()
    return response.status
  } catch (error) {
    return String(error)
  }
}

test('whatever is sent is answered, never with a 5xx, and everything stays up', async () => {
  const before = pids()
  const memoryBefore = memory()
  const batch = fc.array(fc.tuple(shot, credential), { minLength: BATCH_SIZE, maxLength: BATCH_SIZE })
  let welcome = 0
  await fc.assert(
    fc.asyncProperty(batch, async shots => {
      const answers = await Promise.all(shots.map(([each, who]) => fire(each, who)))
      expect(answers.filter(answer => typeof answer === 'string' || answer >= 500)).toEqual([])
      welcome += answers.filter(answer => Number(answer) < 300).length
    }),
    { numRuns: BATCHES },
  )
  // Not all was refused at the door.
  expect(welcome).toBeGreaterThan(BATCHES)
  expect(pids()).toEqual(before)
  const grown = () =>
    Object.entries(memory()).filter(([name, bytes]) => bytes > (memoryBefore[name] ?? 0) + KEPT_BYTES)
  await waitUntil(() => grown().length === 0, { limitMs: 20_000, everyMs: 500 })
  expect(grown()).toEqual([])
  expect((await send(system, 'GET', '/readyz')).status).toBe(200)
  expect(logged('http.request').length).toBeGreaterThan(BATCHES)
  expect(logged('request.failed')).toEqual([])
})

function pids(): Record<string, number> {
  return Object.fromEntries(Object.entries(system.state().processes).map(([name, { pid }]) => [name, pid]))
}

/** Resident bytes of each of our processes. */
function memory(): Record<string, number> {
  return Object.fromEntries(
    Object.entries(pids())
      .filter(([name]) => name !== 'postgres' && name !== 'nats')
      .map(([name, pid]) => [
        name,
        Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * PAGE_BYTES,
      ]),
  )
}

const PAGE_BYTES = 4_096

/** The log lines of all processes that report this event. */
function logged(event: string): string[] {
  const logs = join(system.home, 'logs')
  return readdirSync(logs).flatMap(file =>
    readFileSync(join(logs, file), 'utf8')
      .split('\n')
      .filter(line => line.includes(`"event":"${event}"`)),
  )
}
