import { beforeEach, expect, test } from 'bun:test'
import { type Tell, tell } from '@mogplex/proto/contract.ts'
import type { FactReader } from '@mogplex/proto/facts.ts'
import { Type } from '@sinclair/typebox'
import { isNull, sql } from 'drizzle-orm'
import { integer, pgSchema, serial } from 'drizzle-orm/pg-core'
import { type Bus, openBus } from '../bus/connect.ts'
import { listen } from '../bus/listen.ts'
import { connectDatabase, type DatabaseConnection } from '../database/connect.ts'
import { newId } from '../ids.ts'
import { createLog } from '../log.ts'
import { waitUntil } from '../processes/wait-until.ts'
import { prune } from '../retention/prune.ts'
import { type TestNats, useNats } from '../test-bench/nats.ts'
import { usePostgres } from '../test-bench/postgres.ts'
import { bothSidesOf, idMadeAt } from '../test-bench/retention.ts'
import { recordEvent } from './record.ts'
import { RESEND_WINDOW_DAYS, type Relay, startRelay } from './relay.ts'
import { messageRetention, OUTBOX_KEPT_DAYS } from './retention.ts'
import { deadLettersTable, inboxTable, outboxTable } from './tables.ts'

const schema = pgSchema('identity')
const outbox = outboxTable(schema)
const inbox = inboxTable(schema)
const deadLetters = deadLettersTable(schema)
const effects = schema.table('effects', { position: serial('position'), value: integer('value').notNull() })
const counted = tell('evt.identity.test.counted', Type.Object({ value: Type.Integer() })) as Tell
const testReader: FactReader = { consumer: 'test-reader', service: 'runtime', event: counted }
/** Of a fact that takes longer to handle than a statement may. */
const TOO_SLOW = 1_000_000
const log = createLog({ process: 'test', level: 'silent' })

let nats: TestNats
let connection: DatabaseConnection
let bus: Bus
let relay: Relay
let reader: { stop: () => Promise<void> }

beforeEach(async () => {
  nats = await useNats({ jetstream: true, readers: [testReader] })
  const { url } = await (await usePostgres()).createDatabase('identity')
  connection = await connectDatabase({ url, applicationName: 'test', log })
  await connection.sql.unsafe(`
    create table identity.outbox (id uuid primary key, sequence bigserial not null, subject text not null,
      user_id text, request_id text, payload jsonb not null, created_at timestamptz not null default now(),
      published_at timestamptz);
    create table identity.inbox (consumer text, event_id uuid, handled_at timestamptz not null default now(),
      primary key (consumer, event_id));
    create table identity.dead_letters (id uuid primary key, consumer text not null, subject text not null,
      body text not null, error text not null, created_at timestamptz not null default now());
    create table identity.effects (position serial, value integer not null)`)
  bus = openBus({ url: nats.url, serviceName: 'identity', log })
  relay = startRelay({ bus, database: connection.database, outbox, log })
  reader = listen(
    {
      reader: testReader,
      handle: async (tx, { payload }) => {
        const value = Number(payload.value)
        if (value < 0) throw new Error('negative')
        if (value === TOO_SLOW) await tx.execute(sql`set local statement_timeout = 20`)
        if (value === TOO_SLOW) await tx.execute(sql`select pg_sleep(30)`)
        await tx.insert(effects).values({ value })
      },
    },
    { bus, database: connection.database, inbox, deadLetters, log, retryBaseMs: 1 },
  )
  return async () => {
    await reader.stop()
    await relay.stop()
    await bus.close()
    await connection.close()
    await nats.stop()
  }
})

async function tellValues(values: number[]): Promise<void> {
  await connection.database.transaction(async tx => {
    for (const value of values) {
      await recordEvent(tx, outbox, { event: counted, userId: 'user-1', payload: { value } })
    }
  })
  relay.poke()
}

async function seen(): Promise<number[]> {
  const rows = await connection.database.select().from(effects).orderBy(effects.position)
  return rows.map(row => row.value)
}

const unpublished = () => connection.database.$count(outbox, isNull(outbox.publishedAt))
const recorded = async () =>
  (await connection.database.select().from(outbox).orderBy(outbox.sequence)).map(row => row.payload.value)

/** As if the fact had been recorded, told and handled at `at`. */
async function age(value: number, at: Date): Promise<void> {
  const [id, then] = [idMadeAt(at), at.toISOString()]
  await connection.sql`
    with fact as (select id from identity.outbox where (payload->>'value')::int = ${value}),
      mark as (update identity.inbox set event_id = ${id}, handled_at = ${then} where event_id in (select id from fact))
    update identity.outbox set id = ${id}, created_at = ${then}, published_at = ${then} where id in (select id from fact)`
}

const until = (condition: () => Promise<boolean>, what: string) =>
  waitUntil(condition, { limitMs: 60_000 }).then(is => expect([what, is]).toEqual([what, true]))

test('facts reach the reader in the order they were recorded', async () => {
  const values = Array.from({ length: 300 }, (_, index) => index)
  await tellValues(values)
  await until(async () => (await seen()).length === 300, 'all facts')
  expect(await seen()).toEqual(values)
})

test('a fact of a transaction that was rolled back is never told', async () => {
  const undone = connection.database.transaction(async tx => {
    await recordEvent(tx, outbox, { event: counted, userId: null, payload: { value: 99 } })
    throw new Error('undo')
  })
  await expect(undone).rejects.toThrow('undo')
  await tellValues([1])
  await until(async () => (await seen()).length > 0, 'the other fact')
  expect(await seen()).toEqual([1])
})

test('facts recorded while NATS is away arrive when it is back', async () => {
  await tellValues([1])
  await until(async () => (await seen()).length === 1, 'the first fact')
  await nats.stop()
  await tellValues([2, 3])
  await nats.start()
  await until(async () => (await seen()).length === 3, 'the late facts')
  expect(await seen()).toEqual([1, 2, 3])
}, 120_000)

test('when NATS loses its disk everything is told again, and has its effect once', async () => {
  await tellValues([1, 2])
  await until(async () => (await seen()).length === 2, 'the first facts')
  await nats.stop()
  await tellValues([3])
  await nats.start({ wipeStore: true })
  await until(async () => (await seen()).length === 3, 'the last fact')
  await tellValues([4])
  await until(async () => (await seen()).includes(4), 'a later fact')
  expect(await seen()).toEqual([1, 2, 3, 4])
}, 120_000)

test('what retention leaves has its effect once when NATS loses its disk; what it took is not told again', async () => {
  await tellValues([1, 2])
  await until(async () => (await seen()).length === 2, 'the first facts')
  await until(async () => (await unpublished()) === 0, 'their marks')
  // The first has left the outbox, the second has not yet, on the last day it may be told again.
  await age(1, bothSidesOf(OUTBOX_KEPT_DAYS).older)
  await age(2, bothSidesOf(RESEND_WINDOW_DAYS).younger)
  const rules = messageRetention({ outbox, inbox, deadLetters }, ['test-reader'])
  await prune({ database: connection.database, log, rules })
  expect(await recorded()).toEqual([2])
  await nats.stop()
  await nats.start({ wipeStore: true })
  await tellValues([3])
  await until(async () => (await seen()).length === 3, 'a later fact')
  await until(async () => (await unpublished()) === 0, 'all marks')
  const toldSince =
    await connection.sql`select from identity.outbox where published_at > now() - interval '1 day'`
  expect(toldSince).toHaveLength(2)
  expect(await seen()).toEqual([1, 2, 3])
}, 40_000)

test('a fact that keeps failing is put aside and the next ones go on', async () => {
  await tellValues([1, -1, 2])
  await until(async () => (await seen()).length === 2, 'the good facts')
  await until(
    async () => (await connection.database.select().from(deadLetters)).length === 1,
    'the dead letter',
  )
  const [letter] = await connection.database.select().from(deadLetters)
  expect(letter).toMatchObject({ consumer: 'test-reader', subject: counted.subject, error: 'negative' })
  expect(await seen()).toEqual([1, 2])
}, 120_000)

test('a fact whose statement takes too long each time is put aside too, and so is what no table can hold', async () => {
  await tellValues([TOO_SLOW, 1])
  await until(async () => bus.connection() !== null, 'the bus')
  bus.connection()?.publish(counted.subject, '{"eventId": "\0"}')
  await until(
    async () => (await connection.database.select().from(deadLetters)).length === 2,
    'the dead letters',
  )
  const letters = await connection.database.select().from(deadLetters)
  expect(letters.map(({ body }) => body)).toContain('{"eventId": "\ufffd"}')
  expect(letters.map(({ error }) => error)).toContain('Failed query: select pg_sleep(30)')
  expect(await seen()).toEqual([1])
}, 120_000)

test('a message that came under another subject than it was told under is put aside, not believed', async () => {
  const message = { eventId: newId(), at: '', userId: null, requestId: null, payload: { value: 7 } }
  const elsewhere = { ...message, subject: 'evt.identity.test.other' }
  const own = { ...message, eventId: newId(), subject: counted.subject, payload: { value: 8 } }
  await until(async () => bus.connection() !== null, 'the bus')
  for (const each of [elsewhere, own]) await bus.publishEvent(counted.subject, each)
  await until(async () => (await seen()).includes(8), 'the fact')
  await until(
    async () => (await connection.database.select().from(deadLetters)).length === 1,
    'the dead letter',
  )
  expect(await seen()).toEqual([8])
}, 120_000)
