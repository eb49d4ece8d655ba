/** Writes a fact beside the change it tells of, in the same transaction. */
import type { PayloadOf, Tell } from '@mogplex/proto/contract.ts'
import type { Queryable } from '../database/connect.ts'
import { newId } from '../ids.ts'
import type { OutboxTable } from './tables.ts'

export interface EventFacts<Event extends Tell> {
  event: Event
  /** Whose data changed; null for facts about nobody. */
  userId: string | null
  /** Carried on so that one request can be followed through every log. */
  requestId?: string | null
  payload: PayloadOf<Event>
}

/** Must be called inside the transaction that makes the fact true. */
export async function recordEvent<Event extends Tell>(
  tx: Queryable,
  outbox: OutboxTable,
  facts: EventFacts<Event>,
): Promise<void> {
  await tx.insert(outbox).values({
    id: newId(),
    subject: facts.event.subject,
    userId: facts.userId,
    requestId: facts.requestId ?? null,
    payload: facts.payload as Record<string, unknown>,
  })
}
