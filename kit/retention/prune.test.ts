import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test'
import { eq } from 'drizzle-orm'
import { pgSchema, timestamp, uuid } from 'drizzle-orm/pg-core'
import pino from 'pino'
import { connectDatabase, type DatabaseConnection } from '../database/connect.ts'
import { firstIdAt } from '../ids.ts'
import { createLog } from '../log.ts'
import { waitUntil } from '../processes/wait-until.ts'
import { usePostgres } from '../test-bench/postgres.ts'
import { bothSidesOf, idMadeAt, indexesOf } from '../test-bench/retention.ts'
import { prune, startRetention } from './prune.ts'
import { keptFor } from './rule.ts'

const KEPT_DAYS = 30

const schema = pgSchema('notes')
const columns = {
  id: uuid('id').primaryKey(),
  at: timestamp('at', { withTimezone: true, mode: 'date' }).notNull(),
}
const notes = schema.table('notes', columns)
const missing = schema.table('missing', columns)
const rule = keptFor(KEPT_DAYS, { table: notes, id: notes.id, since: notes.at })
const log = createLog({ process: 'test', level: 'silent' })

let connection: DatabaseConnection
let replica: DatabaseConnection
beforeAll(async () => {
  const { url } = await (await usePostgres()).createDatabase('notes')
  const connect = () => connectDatabase({ url, applicationName: 'notes', log })
  ;[connection, replica] = [await connect(), await connect()]
  await connection.sql.unsafe(`
    create table notes.notes (id uuid primary key, at timestamptz not null);
    create table notes.removals (rows int not null);
    create function notes.count_removed() returns trigger language plpgsql as
      'begin insert into notes.removals select count(*) from removed; return null; end';
    create trigger removals after delete on notes.notes referencing old table as removed
      for each statement execute function notes.count_removed()`)
})
afterAll(() => Promise.all([connection.close(), replica.close()]))
beforeEach(async () => {
  await connection.sql`truncate notes.notes, notes.removals`
})

const madeAt = (date: Date, at = date) => connection.database.insert(notes).values({ id: idMadeAt(date), at })

/** The `number`th id of one moment. */
const nthId = (date: Date, number: number) => firstIdAt(date).slice(0, 24) + String(number).padStart(12, '0')
const OLD = bothSidesOf(KEPT_DAYS).older

/** Rows that are due: the ids {@link nthId} of `OLD`, from 1 on. */
const addOld = (count: number) => addNumbered(OLD, count)
async function addNumbered(at: Date, count: number) {
  const rows = Array.from({ length: count }, (_, index) => ({ id: nthId(at, index + 1), at }))
  await connection.database.insert(notes).values(rows)
}

const countLeft = async () => connection.database.$count(notes)
const removals = async () =>
  (await connection.sql<{ rows: number }[]>`select rows from notes.removals`).map(({ rows }) => rows)

/** Everything logged, in order. */
function logInto(lines: Record<string, unknown>[]) {
  return pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) })
}

test('what is older than the rule goes, what is younger in id or time stays', async () => {
  const { older, younger } = bothSidesOf(KEPT_DAYS)
  await madeAt(older)
  await madeAt(younger)
  await madeAt(older, younger)
  await prune({ database: connection.database, log, rules: [rule] })
  const left = await connection.database.select({ at: notes.at }).from(notes)
  expect(left.map(({ at }) => at)).toEqual([younger, younger])
})

test('many rows go in batches, oldest first, and a line says how many; without any it says nothing', async () => {
  const lines: Record<string, unknown>[] = []
  await addOld(2_500)
  await madeAt(new Date())
  await prune({ database: connection.database, log: logInto(lines), rules: [rule] })
  expect(await removals()).toEqual([1_000, 1_000, 500])
  await prune({ database: connection.database, log: logInto(lines), rules: [rule] })
  expect(lines).toHaveLength(1)
  expect(lines[0]).toMatchObject({ event: 'retention.removed', table: 'notes', rows: 2_500 })
  expect(await countLeft()).toBe(1)
})

test('replicas at once remove each row once', async () => {
  const lines: Record<string, unknown>[] = []
  await addOld(5_000)
  const both = [connection, replica].map(({ database }) =>
    prune({ database, log: logInto(lines), rules: [rule] }),
  )
  await Promise.all(both)
  const sum = (counts: unknown[]) => counts.reduce<number>((total, count) => total + Number(count), 0)
  expect(sum(lines.map(({ rows }) => rows))).toBe(5_000)
  expect(sum(await removals())).toBe(5_000)
  expect(lines.some(({ event }) => event === 'retention.failed')).toBe(false)
})

test('a row somebody holds is passed over, and neither waits for the other', async () => {
  await addOld(3)
  await connection.database.transaction(async tx => {
    const held = await tx
      .select()
      .from(notes)
      .where(eq(notes.id, nthId(OLD, 2)))
      .for('update')
    expect(held).toHaveLength(1)
    await prune({ database: replica.database, log, rules: [rule] })
    expect(await tx.select().from(notes)).toEqual(held)
  })
  await prune({ database: replica.database, log, rules: [rule] })
  expect(await countLeft()).toBe(0)
})

test('Postgres finds a few old rows among many by the primary key, unasked', async () => {
  await addNumbered(new Date(), 5_000)
  await addOld(5)
  await connection.sql`analyze notes.notes`
  expect(await indexesOf(connection.database, [rule], 'unasked')).toEqual(['notes by notes_pkey'])
})

test('a rule that fails keeps no other from its work', async () => {
  const lines: Record<string, unknown>[] = []
  await addOld(1)
  const broken = { ...rule, table: missing }
  await prune({ database: connection.database, log: logInto(lines), rules: [broken, rule] })
  expect(lines.map(({ event, table }) => [event, table])).toEqual([
    ['retention.failed', 'missing'],
    ['retention.removed', 'notes'],
  ])
})

test('a database that fails ends nothing, and is asked again later', async () => {
  const lines: Record<string, unknown>[] = []
  const hasLogged = (event: string) => () => lines.some(line => line.event === event)
  await connection.sql`alter table notes.notes rename to away`
  const options = { database: replica.database, log: logInto(lines), rules: [rule], everyMs: 20 }
  const retention = startRetention(options)
  expect(await waitUntil(hasLogged('retention.failed'), { limitMs: 20_000 })).toBe(true)
  // Cut, too, while it goes on.
  await connection.sql`select pg_terminate_backend(pid) from pg_stat_activity
    where application_name = 'notes' and datname = current_database() and pid <> pg_backend_pid()`
  await connection.sql`alter table notes.away rename to notes`
  await addOld(1)
  expect(await waitUntil(hasLogged('retention.removed'), { limitMs: 20_000 })).toBe(true)
  await retention.stop()
})

test('stopping ends a pass between two batches', async () => {
  await addOld(3_000)
  const stopping = new AbortController()
  const database = connection.database
  const pass = prune({ database, log, rules: [rule] }, stopping.signal)
  stopping.abort()
  await pass
  expect(await countLeft()).toBe(2_000)
})
