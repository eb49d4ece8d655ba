/** How long messages are kept: as long as one of them may be told once more, and a while beyond. */
import { eq } from 'drizzle-orm'
import { EVENT_MAX_AGE_DAYS } from '../bus/streams.ts'
import { isOlderThan, keptFor, type RetentionRule } from '../retention/rule.ts'
import { RESEND_WINDOW_DAYS } from './relay.ts'
import type { DeadLettersTable, InboxTable, OutboxTable } from './tables.ts'

/** After it was published; nothing is published again that was recorded before the window. A day for clocks. */
export const OUTBOX_KEPT_DAYS = RESEND_WINDOW_DAYS + 1

/**
 * How long a service or NATS may be away in the middle of telling a fact, so that it is told again when they
 * are back, without a reader taking it for a new one.
 */
const LONGEST_OUTAGE_DAYS = 16

/** After it was handled: until then it may be published again, and then be delivered again from the stream. */
export const INBOX_KEPT_DAYS = RESEND_WINDOW_DAYS + EVENT_MAX_AGE_DAYS + LONGEST_OUTAGE_DAYS

/** Nobody reads them but an operator, who has this long to notice. */
export const DEAD_LETTERS_KEPT_DAYS = 90

/** `consumers` are all that mark facts in the inbox; of one that is no more the marks stay. */
export function messageRetention(
  tables: { outbox: OutboxTable; inbox: InboxTable; deadLetters: DeadLettersTable },
  consumers: readonly string[],
): RetentionRule[] {
  const { outbox, inbox, deadLetters } = tables
  return [
    {
      table: outbox,
      // Not true of what was never published, however old: null is not older than anything.
      isDue: () => isOlderThan(outbox.publishedAt, OUTBOX_KEPT_DAYS),
      oldestFirst: [outbox.publishedAt, outbox.sequence],
    },
    ...consumers.map(consumer =>
      keptFor(INBOX_KEPT_DAYS, {
        table: inbox,
        id: inbox.eventId,
        since: inbox.handledAt,
        which: eq(inbox.consumer, consumer),
      }),
    ),
    keptFor(DEAD_LETTERS_KEPT_DAYS, { table: deadLetters, id: deadLetters.id, since: deadLetters.createdAt }),
  ]
}
