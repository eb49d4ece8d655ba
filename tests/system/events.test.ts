/** Issue 2, "It must hold", 8: events are complete and in order, however they are read. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { type Account, call, OPEN_DOORS, send, signUpWithToken } from './accounts.ts'
import { type Following, followRun, openStream, readStream } from './event-stream.ts'
import { type System, startSystem } from './launch.ts'
import { GIT_ROOT, makeRepository } from './repositories.ts'
import { getRun, type Run, type RunEvent, readEvents, script, startRun } from './runs.ts'
import { openStorage, type Storage } from './stored.ts'

setDefaultTimeout(180_000)

const LINES = 10_000
const CUTS = 100

let system: System
let storage: Storage
let ada: Account
let repoId: string
/** With more than {@link LINES} events. */
let longRun: Run
/** As a stream that was cut {@link CUTS} times showed them, live. */
let seen: Following

beforeAll(async () => {
  system = await startSystem({
    env: { ...OPEN_DOORS, ENABLE_ECHO_HARNESS: 'true', LOCAL_GIT_ROOTS: GIT_ROOT },
  })
  storage = await openStorage(system)
  ada = await signUpWithToken(system)
  repoId = (await makeRepository(system, ada)).repoId
  longRun = await startRun(system, ada, { repoId, prompt: script(...numbers(LINES)) })
  let cuts = 0
  const cutAfterBytes = () => {
    cuts += 1
    return cuts > CUTS ? null : Math.floor(Math.random() * 30_000)
  }
  seen = await followRun(system, ada, longRun.runId, { cutAfterBytes, limitMs: 240_000 })
}, 300_000)
afterAll(async () => {
  await storage.close()
  await system.stop()
}, 120_000)

const numbers = (count: number) => Array.from({ length: count }, (_, index) => String(index))
const idsOf = (events: RunEvent[]) => events.map(({ id }) => id)
const said = (events: RunEvent[]) =>
  events.filter(({ type }) => type === 'assistant_message').map(({ payload }) => payload.text)

/** The ids as they are stored; throws when their places have a gap. */
async function storedIds({ runId }: Run): Promise<unknown[]> {
  const rows = await storage.query(
    `select e.id, e.position from runtime.ai_call_events e join runtime.agent_runs r using (ai_call_id)
     where r.id = $1 order by e.position`,
    [runId],
  )
  expect(rows.map(({ position }) => position)).toEqual(rows.map((_, index) => index + 1))
  return rows.map(({ id }) => id)
}

describe(`a run with ${LINES} events`, () => {
  test('is stored without gaps, in the order in which the agent spoke', async () => {
    const events = await readEvents(system, ada, longRun.runId)
    expect(idsOf(events)).toEqual((await storedIds(longRun)) as string[])
    expect(said(events)).toEqual(numbers(LINES))
    expect(events[0]?.type).toBe('started')
    expect(events.findIndex(({ type }) => type === 'finished')).toBe(events.length - 1)
  })

  test(`shows each event once, in order, in a stream that was cut at ${CUTS} random places`, async () => {
    expect(seen.breaks).toBe(CUTS)
    expect(seen.events).toEqual(await readEvents(system, ada, longRun.runId))
  })

  test('and the same to a stream that begins when all is over', async () => {
    const { events, breaks } = await followRun(system, ada, longRun.runId)
    expect(breaks).toBe(0)
    expect(events).toEqual(seen.events)
  })

  test('comes in pages as long as asked for, each beginning where the last one ended', async () => {
    for (const limit of [1, 7, 199, 200]) {
      const from = Math.floor(Math.random() * LINES)
      const after = seen.events[from]?.id ?? ''
      const page = await readPage(`after=${after}&limit=${limit}`)
      expect(page).toEqual({ events: seen.events.slice(from + 1, from + 1 + limit), hasMore: true })
    }
  })
})

async function readPage(query: string): Promise<{ events: RunEvent[]; hasMore: boolean }> {
  type Page = { data: { run: Run; events: RunEvent[]; hasMore: boolean } }
  const path = `/api/v1/mogplex/runs/${longRun.runId}/events?${query}`
  const { body } = await call<Page>(system, 'GET', path, { as: { token: ada.token } })
  const { run, ...page } = body.data
  expect(run.runId).toBe(longRun.runId)
  return page
}

describe('what a page holds', () => {
  const first = (count: number) => ({ events: seen.events.slice(0, count), hasMore: true })
  const newest = (count: number) => ({ events: seen.events.slice(-count), hasMore: false })

  test('is clamped, never refused, by a limit', async () => {
    const limits = { '0': 1, '-3': 1, '1': 1, '12abc': 12, '1.9': 1, '500': 200, '1e9': 1, abc: 100, '': 100 }
    for (const [limit, count] of Object.entries(limits))
      expect(await readPage(`after=start&limit=${limit}`)).toEqual(first(count))
    expect(await readPage('after=start&limit=3&limit=5')).toEqual(first(3))
  })

  test('without `after` is the newest events, oldest first', async () => {
    expect(await readPage('')).toEqual(newest(100))
    expect(await readPage('limit=2')).toEqual(newest(2))
    expect(await readPage('limit=9999')).toEqual(newest(200))
  })

  test('behind the last event is nothing, just before it the last event', async () => {
    const [beforeLast, last] = idsOf(seen.events.slice(-2))
    expect(await readPage(`after=${last}`)).toEqual({ events: [], hasMore: false })
    expect(await readPage(`after=${beforeLast}&limit=1`)).toEqual(newest(1))
    expect(await readPage(`after=${last}&after=start`)).toEqual({ events: [], hasMore: false })
  })

  test("behind another run's event is refused", async () => {
    const other = await startRun(system, ada, { repoId, prompt: 'say hello' })
    const { events } = await followRun(system, ada, other.runId)
    const path = `/api/v1/mogplex/runs/${longRun.runId}/events?after=${events[0]?.id}`
    const response = await send(system, 'GET', path, { as: { token: ada.token } })
    expect([response.status, await response.json()]).toEqual([
      400,
      { ok: false, error: { code: 'BAD_REQUEST', message: 'Invalid after' } },
    ])
  })
})

describe('where a stream begins', () => {
  const streamed = async (query: string, headers: Record<string, string> = {}) => {
    const events: RunEvent[] = []
    const response = await openStream(system, ada, longRun.runId, { query, headers })
    expect(response.headers.get('content-type')).toStartWith('text/event-stream')
    expect(await readStream(response, null, event => events.push(event))).toBe(true)
    return events
  }
  const tail = (count: number) => seen.events.slice(-count)
  const idBefore = (count: number) => seen.events.at(-1 - count)?.id ?? ''

  test('is said by `after`, and by Last-Event-ID before it', async () => {
    expect(await streamed(`?after=${idBefore(5)}`)).toEqual(tail(5))
    expect(await streamed('?after=start', { 'last-event-id': idBefore(3) })).toEqual(tail(3))
    expect(await streamed('?limit=1', { 'last-event-id': idBefore(300) })).toEqual(tail(300))
  })

  test('behind the last event it ends at once', async () => {
    expect(await streamed('', { 'last-event-id': idBefore(0) })).toEqual([])
  })
})

describe('a stream goes on where it was', () => {
  /** Says so many numbers, with a breath now and then, so that it can be interrupted. */
  const slowly = (count: number) =>
    numbers(count).flatMap(number => (Number(number) % 20 === 0 ? ['sleep 30', number] : [number]))

  test('after kill -9 of the gateway', async () => {
    const run = await startRun(system, ada, { repoId, prompt: script(...slowly(1_500)) })
    let killed: Promise<number> | null = null
    const { events, breaks } = await followRun(system, ada, run.runId, {
      onEvent: (_, soFar) => {
        if (soFar >= 400) killed ??= system.kill('gateway')
      },
    })
    await killed
    expect(breaks).toBeGreaterThanOrEqual(1)
    expect(said(events)).toEqual(numbers(1_500))
    expect(idsOf(events)).toEqual((await storedIds(run)) as string[])
    await system.ready()
  })

  test('after kill -9 of runtime, to the event that says that the run was lost', async () => {
    const prompt = script(...slowly(1_000), 'sleep 600000')
    const run = await startRun(system, ada, { repoId, prompt })
    let killed: Promise<unknown> | null = null
    const { events, breaks } = await followRun(system, ada, run.runId, {
      onEvent: (_, soFar) => {
        if (soFar >= 400) killed ??= system.kill('runtime').then(() => loseTheLease(run))
      },
    })
    await killed
    expect(breaks).toBeGreaterThanOrEqual(1)
    const spoken = said(events)
    expect(spoken.length).toBeGreaterThan(300)
    expect(spoken).toEqual(numbers(spoken.length))
    expect(idsOf(events)).toEqual((await storedIds(run)) as string[])
    expect(events.at(-1)).toMatchObject({ type: 'failed', payload: { failure_code: 'runner_lost' } })
    expect((await getRun(system, ada, run.runId)).status).toBe('failed')
    await system.ready()
  })
})

/** What time does in a minute. */
async function loseTheLease({ runId }: Run): Promise<void> {
  await storage.query(
    `update runtime.agent_runs set lease_expires_at = now() - interval '1 second' where id = $1`,
    [runId],
  )
}
