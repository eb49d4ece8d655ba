/**
 * How long runtime's rows are kept, beside those of messages. Runs, their calls and sandboxes are the user's, and
 * stay; what an agent said on the way is kept for a time that the operator sets.
 */
import { isMadeBefore, isOlderThan, keptFor, type RetentionRule } from '@mogplex/kit/retention/rule.ts'
import { and, sql } from 'drizzle-orm'
import { LONGEST_WINDOW_SECONDS } from '../runs/budget.ts'
import { aiCallEvents, aiCalls, limitEvents } from './schema.ts'

/** As long as a window may count them, and a day for clocks. */
export const LIMIT_EVENTS_KEPT_DAYS = LONGEST_WINDOW_SECONDS / 86_400 + 1

/** `eventsKeptDays`: 0 keeps events for ever. */
export function runtimeRetention({ eventsKeptDays }: { eventsKeptDays: number }): RetentionRule[] {
  return [
    keptFor(LIMIT_EVENTS_KEPT_DAYS, { table: limitEvents, id: limitEvents.id, since: limitEvents.createdAt }),
    ...(eventsKeptDays > 0 ? [eventsOfEndedRuns(eventsKeptDays)] : []),
  ]
}

/** By their own age: a run is short, so its events go within an hour or so of each other. */
function eventsOfEndedRuns(days: number): RetentionRule {
  const { id, aiCallId, createdAt } = aiCallEvents
  const isCallRunning = sql`exists (select 1 from ${aiCalls}
    where ${aiCalls.id} = ${aiCallId} and ${aiCalls.status} in ('pending', 'streaming'))`
  return {
    table: aiCallEvents,
    isDue: () => and(isMadeBefore(id, days), isOlderThan(createdAt, days), sql`not ${isCallRunning}`),
    oldestFirst: [id],
  }
}
