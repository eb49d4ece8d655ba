import { afterAll, beforeAll, expect, test } from 'bun:test'
import { connectAsAdmin, withDatabase } from '@mogplex/kit/postgres-server/access.ts'
import { usePostgres } from '@mogplex/kit/test-bench/postgres.ts'
import { newEvent } from '../events/append.ts'
import type { Claim } from './claim.ts'
import { EventWriter } from './event-writer.ts'
import type { OutputLimits } from './output-budget.ts'
import { log, useWorkerBench, type WorkerBench } from './test-bench.ts'

const NO_LIMITS = { maxBytes: Infinity, maxEvents: Infinity }

let bench: WorkerBench
beforeAll(async () => {
  bench = await useWorkerBench()
})
afterAll(() => bench.close())

function writerOf(
  claim: Claim,
  { secrets = [], limits = NO_LIMITS }: { secrets?: string[]; limits?: OutputLimits } = {},
) {
  const lease = bench.hold(claim)
  let wakes = 0
  const onStored = () => {
    wakes += 1
  }
  const writer = new EventWriter({ database: bench.database, log, claim, lease, secrets, limits, onStored })
  return { writer, lease, wakes: () => wakes }
}

const said = (index: number) => newEvent('log', { message: String(index), payload: { index } })

/** Messages of the `log` events by position; positions must be without gaps. */
async function stored({ run }: Claim, sql = bench.sql): Promise<string[]> {
  const rows = await sql<{ position: number; event_type: string; message: string }[]>`
    select position, event_type, message from runtime.ai_call_events
    where ai_call_id = ${run.aiCallId} order by position`
  expect(rows.map(row => row.position)).toEqual(rows.map((_, index) => index + 1))
  return rows.filter(row => row.event_type === 'log').map(row => row.message)
}
const numbers = (count: number) => Array.from({ length: count }, (_, index) => String(index))

test('ten thousand events are stored in order, each once, in few transactions', async () => {
  const claim = await bench.claimed()
  const { writer, lease, wakes } = writerOf(claim)
  for (let index = 0; index < 10_000; index += 1) await writer.add([said(index)])
  await writer.flush()
  expect(await stored(claim)).toEqual(numbers(10_000))
  expect(wakes()).toBeLessThan(200)
  lease.end()
}, 120_000)

test('connections that are cut while events are written cost none and repeat none', async () => {
  const claim = await bench.claimed()
  const { writer, lease } = writerOf(claim)
  const { adminUrl } = await usePostgres()
  const admin = connectAsAdmin(withDatabase(adminUrl, new URL(bench.databaseUrl).pathname.slice(1)))
  for (let index = 0; index < 2_000; index += 1) {
    await writer.add([said(index)])
    if (index % 400 !== 0) continue
    // Of this database alone: other tests use the server at the same time.
    await admin`select pg_terminate_backend(pid) from pg_stat_activity
      where application_name = 'test' and datname = current_database()`
    await Bun.sleep(20)
  }
  await writer.flush()
  // The last of the cut connections may not have noticed yet.
  expect(await stored(claim, admin)).toEqual(numbers(2_000))
  lease.end()
  await admin.end()
}, 120_000)

test('once somebody else holds the run nothing more is written, and nobody waits', async () => {
  const claim = await bench.claimed()
  const { writer, lease } = writerOf(claim)
  await writer.add([said(0)])
  await writer.flush()
  await bench.sql`update runtime.agent_runs set lease_token = gen_random_uuid() where id = ${claim.run.id}`
  await writer.add([said(1)])
  await writer.flush()
  await writer.add([said(2)])
  await writer.flush()
  expect(await stored(claim)).toEqual(['0'])
  expect(lease.stopReason()).toBe('lease-lost')
  lease.end()
})

test('secrets are gone before anything is stored, and odd characters do no harm', async () => {
  const claim = await bench.claimed()
  const { writer, lease } = writerOf(claim, { secrets: ['a-secret-word'] })
  const text = 'nul \0, half a pair \ud83d, a-secret-word'
  await writer.add([newEvent('log', { message: text, payload: { [text]: text } })])
  await writer.flush()
  expect(await stored(claim)).toEqual(['nul \ufffd, half a pair \ufffd, [redacted]'])
  lease.end()
})

test('an event that Postgres refuses costs itself alone, and a note stands in its place', async () => {
  const claim = await bench.claimed()
  const { writer, lease } = writerOf(claim)
  const refused = newEvent('log', { message: 'refused', payload: { index: 7 } })
  const events = Array.from({ length: 20 }, (_, index) => (index === 7 ? refused : said(index)))
  await bench.sql.unsafe(
    `alter table runtime.ai_call_events add constraint picky check (message <> 'refused')`,
  )
  await writer.add(events)
  await writer.flush()
  await bench.sql.unsafe('alter table runtime.ai_call_events drop constraint picky')
  const expected = numbers(20).with(7, 'This event could not be stored')
  expect(await stored(claim)).toEqual(expected)
  lease.end()
})

test('what not even a note can be stored of is told to whoever adds the next, not tried for ever', async () => {
  const claim = await bench.claimed()
  const { writer, lease } = writerOf(claim)
  await bench.sql`delete from runtime.ai_call_events where ai_call_id = ${claim.run.aiCallId}`
  await bench.sql`delete from runtime.ai_calls where id = ${claim.run.aiCallId}`
  await writer.add([said(0)])
  await expect(writer.flush()).rejects.toThrow('events cannot be stored')
  await expect(writer.add([said(1)])).rejects.toThrow('events cannot be stored')
  lease.end()
})
