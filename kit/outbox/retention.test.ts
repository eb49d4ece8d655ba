import { afterAll, beforeAll, expect, test } from 'bun:test'
import { pgSchema } from 'drizzle-orm/pg-core'
import { EVENT_MAX_AGE_DAYS } from '../bus/streams.ts'
import { connectDatabase, type DatabaseConnection } from '../database/connect.ts'
import { newId } from '../ids.ts'
import { createLog } from '../log.ts'
import { prune } from '../retention/prune.ts'
import { usePostgres } from '../test-bench/postgres.ts'
import { bothSidesOf, idMadeAt, indexesOf } from '../test-bench/retention.ts'
import { RESEND_WINDOW_DAYS } from './relay.ts'
import { DEAD_LETTERS_KEPT_DAYS, INBOX_KEPT_DAYS, messageRetention, OUTBOX_KEPT_DAYS } from './retention.ts'
import { deadLettersTable, inboxTable, outboxTable } from './tables.ts'

const schema = pgSchema('messages')
const outbox = outboxTable(schema)
const inbox = inboxTable(schema)
const deadLetters = deadLettersTable(schema)
const rules = messageRetention({ outbox, inbox, deadLetters }, ['one', 'other'])
const log = createLog({ process: 'test', level: 'silent' })

let connection: DatabaseConnection
beforeAll(async () => {
  const { url } = await (await usePostgres()).createDatabase('messages')
  connection = await connectDatabase({ url, applicationName: 'test', log })
  await connection.sql.unsafe(`
    create table messages.outbox (id uuid primary key, sequence bigserial not null, subject text not null,
      user_id text, request_id text, payload jsonb not null, created_at timestamptz not null default now(),
      published_at timestamptz);
    create index outbox_unpublished on messages.outbox (published_at, sequence);
    create table messages.inbox (consumer text, event_id uuid, handled_at timestamptz not null default now(),
      primary key (consumer, event_id));
    create table messages.dead_letters (id uuid primary key, consumer text not null, subject text not null,
      body text not null, error text not null, created_at timestamptz not null default now())`)
})
afterAll(() => connection.close())

const pruneAll = () => prune({ database: connection.database, log, rules })

test('a published fact goes after its time; one that was never published stays, however old', async () => {
  const { older, younger } = bothSidesOf(OUTBOX_KEPT_DAYS)
  const row = { subject: 's', payload: {} }
  await connection.database.insert(outbox).values([
    { ...row, id: newId(), createdAt: older, publishedAt: older, requestId: 'old' },
    { ...row, id: newId(), createdAt: older, publishedAt: younger, requestId: 'published-late' },
    { ...row, id: newId(), createdAt: new Date(0), publishedAt: null, requestId: 'unpublished' },
  ])
  await pruneAll()
  const left = await connection.database.select({ name: outbox.requestId }).from(outbox)
  expect(left.map(({ name }) => name)).toEqual(['published-late', 'unpublished'])
})

test('nothing that may be told again leaves the outbox', () => {
  expect(OUTBOX_KEPT_DAYS).toBeGreaterThan(RESEND_WINDOW_DAYS)
})

test('a handled fact is remembered for longer than it may come again, by every reader', async () => {
  const lastDelivery = bothSidesOf(RESEND_WINDOW_DAYS + EVENT_MAX_AGE_DAYS).older
  const { older, younger } = bothSidesOf(INBOX_KEPT_DAYS)
  // Recorded long before it could be published: what counts is when it was handled.
  const late = { eventId: idMadeAt(older), handledAt: younger }
  const kept = [late, ...[younger, lastDelivery].map(at => ({ eventId: idMadeAt(at), handledAt: at }))]
  const old = { eventId: idMadeAt(older), handledAt: older }
  const marks = ['one', 'other'].flatMap(consumer => [old, ...kept].map(mark => ({ consumer, ...mark })))
  await connection.database.insert(inbox).values(marks)
  await pruneAll()
  const left = await connection.database.select().from(inbox).orderBy(inbox.consumer, inbox.eventId)
  const isKept = ({ handledAt }: { handledAt: Date }) => handledAt !== older
  expect(left).toEqual(marks.filter(isKept).toSorted(byConsumerAndId))
})

function byConsumerAndId(a: { consumer: string; eventId: string }, b: { consumer: string; eventId: string }) {
  return `${a.consumer} ${a.eventId}` < `${b.consumer} ${b.eventId}` ? -1 : 1
}

test('a dead letter waits for somebody to look at it', async () => {
  const row = { consumer: 'one', subject: 's', body: '{}' }
  const { older, younger } = bothSidesOf(DEAD_LETTERS_KEPT_DAYS)
  await connection.database.insert(deadLetters).values([
    { ...row, id: idMadeAt(older), createdAt: older, error: 'old' },
    { ...row, id: idMadeAt(younger), createdAt: younger, error: 'young' },
  ])
  await pruneAll()
  const left = await connection.database.select({ error: deadLetters.error }).from(deadLetters)
  expect(left.map(({ error }) => error)).toEqual(['young'])
})

test('every rule finds its rows by an index', async () => {
  expect(await indexesOf(connection.database, rules)).toEqual([
    'outbox by outbox_unpublished',
    'inbox by inbox_pkey',
    'inbox by inbox_pkey',
    'dead_letters by dead_letters_pkey',
  ])
})
