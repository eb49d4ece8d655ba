/**
 * How long runtime's rows are kept, beside those of messages. Runs, their calls and events, and sandboxes are
 * the user's, and stay.
 */
import { keptFor, type RetentionRule } from '@mogplex/kit/retention/rule.ts'
import { LONGEST_WINDOW_SECONDS } from '../runs/budget.ts'
import { limitEvents } from './schema.ts'

/** As long as a window may count them, and a day for clocks. */
export const LIMIT_EVENTS_KEPT_DAYS = LONGEST_WINDOW_SECONDS / 86_400 + 1

export const runtimeRetention: RetentionRule[] = [
  keptFor(LIMIT_EVENTS_KEPT_DAYS, { table: limitEvents, id: limitEvents.id, since: limitEvents.createdAt }),
]
