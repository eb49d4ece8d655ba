/** Reading the events of a call by position (events/append.ts says why positions can be relied on). */
import type { Queryable } from '@mogplex/kit/database/connect.ts'
import { and, asc, desc, eq, gt } from 'drizzle-orm'
import { type AiCallEvent, aiCallEvents, aiCalls, type RunStatus } from '../database/schema.ts'

/** What follows a position, and how far the call was in the same moment. */
export interface EventPage {
  /** In order, at most the asked number. */
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
  const rows = await database
    .select({ status: aiCalls.status, eventCount: aiCalls.eventCount, event: aiCallEvents })
    .from(aiCalls)
    .leftJoin(aiCallEvents, and(eq(aiCallEvents.aiCallId, aiCalls.id), gt(aiCallEvents.position, position)))
    .where(eq(aiCalls.id, callId))
    .orderBy(asc(aiCallEvents.position))
    .limit(limit)
  const [first] = rows
  return {
    events: rows.flatMap(({ event }) => event ?? []),
    call: first ? { status: first.status, eventCount: first.eventCount } : null,
  }
}

/** The newest events, oldest first. */
export async function readNewestEvents(
  database: Queryable,
  callId: string,
  limit: number,
): Promise<AiCallEvent[]> {
  const rows = await database
    .select()
    .from(aiCallEvents)
    .where(eq(aiCallEvents.aiCallId, callId))
    .orderBy(desc(aiCallEvents.position))
    .limit(limit)
  return rows.reverse()
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
