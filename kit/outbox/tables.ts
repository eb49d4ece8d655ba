/**
 * The two tables every service has for messages: `outbox` (facts written with the change that caused them)
 * and `inbox` (facts already acted on), and `dead_letters` for messages a reader could not handle.
 */
import {
  bigserial,
  index,
  jsonb,
  type PgSchema,
  primaryKey,
  text,
  timestamp,
  uuid,
} from 'drizzle-orm/pg-core'

const instant = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' })

export function outboxTable<Name extends string>(schema: PgSchema<Name>) {
  return schema.table(
    'outbox',
    {
      id: uuid('id').primaryKey(),
      sequence: bigserial('sequence', { mode: 'number' }).notNull(),
      subject: text('subject').notNull(),
      userId: text('user_id'),
      requestId: text('request_id'),
      payload: jsonb('payload').$type<Record<string, unknown>>().notNull(),
      createdAt: instant('created_at').notNull().defaultNow(),
      publishedAt: instant('published_at'),
    },
    table => [index('outbox_unpublished').on(table.publishedAt, table.sequence)],
  )
}
export type OutboxTable = ReturnType<typeof outboxTable>

export function inboxTable<Name extends string>(schema: PgSchema<Name>) {
  return schema.table(
    'inbox',
    {
      consumer: text('consumer').notNull(),
      eventId: uuid('event_id').notNull(),
      handledAt: instant('handled_at').notNull().defaultNow(),
    },
    table => [primaryKey({ columns: [table.consumer, table.eventId] })],
  )
}
export type InboxTable = ReturnType<typeof inboxTable>

export function deadLettersTable<Name extends string>(schema: PgSchema<Name>) {
  return schema.table('dead_letters', {
    id: uuid('id').primaryKey(),
    consumer: text('consumer').notNull(),
    subject: text('subject').notNull(),
    body: text('body').notNull(),
    error: text('error').notNull(),
    createdAt: instant('created_at').notNull().defaultNow(),
  })
}
export type DeadLettersTable = ReturnType<typeof deadLettersTable>
