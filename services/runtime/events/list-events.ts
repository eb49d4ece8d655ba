/** One page of a run's events (v1 contract 7.8; spec README, 7). */
import type { Database } from '@mogplex/kit/database/connect.ts'
import { badRequest } from '@mogplex/kit/errors.ts'
import { isUuid } from '@mogplex/kit/validation.ts'
import type { AiCallEvent } from '../database/schema.ts'
import { findPosition, readEventsAfter, readNewestEvents } from './store.ts'

export interface EventList {
  /** Oldest first. */
  events: AiCallEvent[]
  /** Events follow the page. */
  hasMore: boolean
}

/** `after`: an event id of this call, `start`, or null for the newest ones. Anything else is 400. */
export async function listEvents(
  database: Database,
  callId: string,
  { after, limit }: { after: string | null; limit: number },
): Promise<EventList> {
  if (after === null) return { events: await readNewestEvents(database, callId, limit), hasMore: false }
  const position = await positionAfter(database, callId, after)
  const { events, call } = await readEventsAfter(database, callId, position, limit)
  const last = events.at(-1)
  // No page follows an empty one: what the counter counts beyond it is not kept any more.
  return { events, hasMore: last !== undefined && (call?.eventCount ?? 0) > last.position }
}

/** Behind which position `after` begins: that of the event it names, 0 for `start`, else 400. */
export async function positionAfter(database: Database, callId: string, after: string): Promise<number> {
  return after === 'start' ? 0 : positionOf(database, callId, after, 'Invalid after')
}

/** Where the event stands in this call; 400 `message` for any other id. */
export async function positionOf(
  database: Database,
  callId: string,
  eventId: string,
  message: string,
): Promise<number> {
  const position = isUuid(eventId) ? await findPosition(database, callId, eventId) : null
  if (position === null) throw badRequest(message)
  return position
}
