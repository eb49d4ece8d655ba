/** Reading the events of a call by position (events/append.ts says why positions can be relied on). */
import type { Queryable } from '@mogplex/kit/database/connect.ts'
import { and, asc, desc, eq, getTableColumns, gt, lt, type SQL, sql } from 'drizzle-orm'
import { type AiCallEvent, aiCallEvents, aiCalls, type RunStatus } from '../database/schema.ts'

/** Whoever reads holds this much of stored events at a time, give or take one event. */
const MAX_PAGE_BYTES = 2 * 1024 * 1024

/** What follows a position, and how far the call was in the same moment. */
export interface EventPage {
  /** In order, at most the asked number, and fewer of large ones; not empty while there are any. */
  events: AiCallEvent[]
  /** Null when the call does not exist. */
  call: { status: RunStatus; eventCount: number } | null
}

/** The events behind `position` (0: from the first), with the state of the call, in one snapshot. */
export async function readEventsAfter(
  database: Queryable,
  callId: string,
  position: number,
  limit: number,
): Promise<EventPage> {
  const isBehind = and(eq(aiCallEvents.aiCallId, callId), gt(aiCallEvents.position, position))
  const page = pageOf(database, isBehind, asc(aiCallEvents.position), limit)
  const rows = await database
    .select({ status: aiCalls.status, eventCount: aiCalls.eventCount, event: eventColumns(page) })
    .from(aiCalls)
    .leftJoin(page, lt(page.bytesBefore, MAX_PAGE_BYTES))
    .where(eq(aiCalls.id, callId))
    .orderBy(asc(page.position))
  const [first] = rows
  return {
    events: rows.flatMap(({ event }) => event ?? []),
    call: first ? { status: first.status, eventCount: first.eventCount } : null,
  }
}

/** The newest events, oldest first; fewer of large ones. */
export async function readNewestEvents(
  database: Queryable,
  callId: string,
  limit: number,
): Promise<AiCallEvent[]> {
  const page = pageOf(database, eq(aiCallEvents.aiCallId, callId), desc(aiCallEvents.position), limit)
  const rows = await database
    .select(eventColumns(page))
    .from(page)
    .where(lt(page.bytesBefore, MAX_PAGE_BYTES))
    .orderBy(asc(page.position))
  return rows
}

/**
 * The events a page may hold, and how many bytes those before each of them have. Postgres reads a large payload
 * only once the event is asked for.
 */
function pageOf(database: Queryable, which: SQL | undefined, order: SQL, limit: number) {
  const bytes = sql`coalesce(${aiCallEvents.bytes}, octet_length(${aiCallEvents.payload}::text))`
  const bytesBefore = sql<number>`coalesce(sum(${bytes}) over
    (order by ${order} rows between unbounded preceding and 1 preceding), 0)`
  return database
    .select({ ...getTableColumns(aiCallEvents), bytesBefore: bytesBefore.as('bytes_before') })
    .from(aiCallEvents)
    .where(which)
    .orderBy(order)
    .limit(limit)
    .as('page')
}

/** The columns of the table, in a page. */
function eventColumns(page: ReturnType<typeof pageOf>) {
  const { id, aiCallId, position, eventType, toolName, message, payload, bytes, createdAt } = page
  return { id, aiCallId, position, eventType, toolName, message, payload, bytes, createdAt }
}

/** Where an event of this call stands; null for any other id. */
export async function findPosition(
  database: Queryable,
  callId: string,
  eventId: string,
): Promise<number | null> {
  const [row] = await database
    .select({ position: aiCallEvents.position })
    .from(aiCallEvents)
    .where(and(eq(aiCallEvents.id, eventId), eq(aiCallEvents.aiCallId, callId)))
  return row?.position ?? null
}
