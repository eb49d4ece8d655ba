/**
 * Event intake: events a second that one worker stores, against plain multi-row inserts of the same rows in
 * batches of the same size (issue 2, "Measured in bench/"). The worker's side begins with what a parser makes
 * of a line and is all that happens to it: named, shortened, redacted, fenced by the lease, numbered without
 * gaps, stored, told to the streams. The peer is handed finished rows.
 */
import { type Bus, openBus } from '@mogplex/kit/bus/connect.ts'
import { openLive } from '@mogplex/kit/bus/live.ts'
import { connectDatabase, type DatabaseConnection } from '@mogplex/kit/database/connect.ts'
import { migrate } from '@mogplex/kit/database/migrate.ts'
import { newId } from '@mogplex/kit/ids.ts'
import { createLog } from '@mogplex/kit/log.ts'
import { useNats } from '@mogplex/kit/test-bench/nats.ts'
import { usePostgres } from '@mogplex/kit/test-bench/postgres.ts'
import { LIVE_RUNS, liveRunSubject } from '@mogplex/proto/runtime.ts'
import type { HarnessEvent } from '../services/runtime/harnesses/harness.ts'
import { createEventMapper } from '../services/runtime/worker/event-mapping.ts'
import { EventWriter } from '../services/runtime/worker/event-writer.ts'
import { holdLease } from '../services/runtime/worker/lease.ts'
import { insertClaimedRun } from './claimed-run.ts'
import { median } from './statistics.ts'
import { formatTable, ratio } from './table.ts'

const EVENTS = 10_000
const LEASE_SECONDS = 60
const SECRETS = ['sk-a-key-of-the-user-0123456789', 'a password of the repository']
const LIMITS = { maxBytes: Infinity, maxEvents: Infinity }
const MIGRATIONS = new URL('../services/runtime/database/migrations', import.meta.url).pathname

const log = createLog({ process: 'bench', level: 'warn' })

interface Place extends DatabaseConnection {
  bus: Bus
}

interface Stored {
  callId: string
  perSecond: number
  batches: number
}

/** Resolves with the table to print. */
export async function measureEventIntake({ rounds }: { rounds: number }): Promise<string> {
  const [{ createDatabase }, nats] = await Promise.all([usePostgres(), useNats()])
  const { url, drop } = await createDatabase('runtime')
  const connection = await connectDatabase({ url, applicationName: 'bench', log })
  const bus = openBus({ url: nats.url, serviceName: 'runtime', log })
  const place = { ...connection, bus }
  try {
    await migrate(connection.sql, { schema: 'runtime', folder: MIGRATIONS })
    return intakeTable(await measureInTurn(place, rounds))
  } finally {
    await bus.close()
    await connection.close()
    await Promise.all([drop(), nats.close()])
  }
}

async function measureInTurn(place: Place, rounds: number) {
  const results: { worker: Stored; plainPerSecond: number }[] = []
  // The first round warms both sides up and does not count.
  for (let round = 0; round <= rounds; round += 1) {
    const worker = await storeAsWorker(place)
    const plainPerSecond = await insertPlainly(place, worker)
    if (round > 0) results.push({ worker, plainPerSecond })
  }
  console.log(`event intake: ${rounds} rounds`)
  return results
}

/** As run-harness.ts does it, line after line. */
async function storeAsWorker({ database, bus }: Place): Promise<Stored> {
  const claim = await insertClaimedRun(database, LEASE_SECONDS)
  const live = openLive(bus, LIVE_RUNS)
  const lease = holdLease(claim, { database, live, log, settings: { leaseSeconds: LEASE_SECONDS } })
  let batches = 0
  const onStored = () => {
    batches += 1
    live.wake(liveRunSubject(claim.run.id))
  }
  const writer = new EventWriter({ database, log, claim, lease, secrets: SECRETS, limits: LIMITS, onStored })
  const toStored = createEventMapper({ secrets: SECRETS })
  const said = whatAnAgentSays()
  const startedAtMs = performance.now()
  for (const event of said) await writer.add(toStored(event))
  await writer.flush()
  const perSecond = EVENTS / ((performance.now() - startedAtMs) / 1_000)
  lease.end()
  return { callId: claim.run.aiCallId, perSecond, batches }
}

/** Copies the rows the worker has stored, under a call of their own. */
async function insertPlainly({ sql }: Place, { callId, batches }: Stored): Promise<number> {
  const stored =
    await sql`select * from runtime.ai_call_events where ai_call_id = ${callId} order by position`
  if (stored.length !== EVENTS) throw new Error(`${stored.length} events are stored`)
  const copyId = newId()
  const rows = stored.map(row => ({
    ...row,
    id: newId(),
    ai_call_id: copyId,
    payload: sql.json(row.payload),
  }))
  const batchSize = Math.ceil(EVENTS / batches)
  const startedAtMs = performance.now()
  for (let start = 0; start < rows.length; start += batchSize) {
    const batch = rows.slice(start, start + batchSize).map(toJson)
    await sql`insert into runtime.ai_call_events ${sql(batch)}`
  }
  return EVENTS / ((performance.now() - startedAtMs) / 1_000)
}

/** drizzle has taken this from the driver. */
function toJson<Row extends { payload?: unknown }>(row: Row): Row & { payload: string } {
  return { ...row, payload: JSON.stringify(row.payload) }
}

/** Steps of an agent: a sentence, a command, its output of about a kilobyte. */
function whatAnAgentSays(): HarnessEvent[] {
  const output = 'src/shop/basket.ts:42:17  the tests of the basket pass, and those of the till\n'.repeat(12)
  const kinds: ((step: number) => HarnessEvent)[] = [
    step => ({
      kind: 'assistant',
      text: `Step ${step}: I look at the tests of the basket first. `.repeat(4),
    }),
    step => ({
      kind: 'tool_started',
      toolCallId: `item_${step}`,
      toolName: 'command_execution',
      input: { command: `/bin/bash -c "npm test -- --filter basket-${step}"` },
    }),
    step => ({
      kind: 'tool_finished',
      toolCallId: `item_${step}`,
      toolName: 'command_execution',
      success: true,
      output: { aggregated_output: output, exit_code: 0 },
    }),
  ]
  return Array.from({ length: EVENTS }, (_, index) => {
    const kind = kinds[index % kinds.length]
    if (!kind) throw new Error('there is always one')
    return kind(Math.floor(index / kinds.length))
  })
}

function intakeTable(results: { worker: Stored; plainPerSecond: number }[]): string {
  const worker = median(results.map(result => result.worker.perSecond))
  const plain = median(results.map(result => result.plainPerSecond))
  const share = median(results.map(result => result.worker.perSecond / result.plainPerSecond))
  const batch = median(results.map(result => EVENTS / result.worker.batches))
  const header = ['', 'events/s', 'ratio']
  const rows = [
    [`plain inserts, ${batch.toFixed(0)} rows each`, plain.toFixed(0), '1.00'],
    ['one worker', worker.toFixed(0), ratio(share)],
  ]
  return formatTable(`Event intake: ${EVENTS} events, as fast as they are taken`, header, rows)
}
