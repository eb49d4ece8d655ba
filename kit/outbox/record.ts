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

/** A statement takes 65,535 values at most. */
const ROWS_PER_STATEMENT = 1_000

/** Must be called inside the transaction that makes the fact true. */
export function recordEvent<Event extends Tell>(
  tx: Queryable,
  outbox: OutboxTable,
  { payload, ...facts }: EventFacts<Event>,
): Promise<void> {
  return recordEvents(tx, outbox, { ...facts, payloads: [payload] })
}

/** The same fact about many things, in their order and in few statements. As above. */
export async function recordEvents<Event extends Tell>(
  tx: Queryable,
  outbox: OutboxTable,
  facts: Omit<EventFacts<Event>, 'payload'> & { payloads: readonly PayloadOf<Event>[] },
): Promise<void> {
  const { event, userId, requestId = null } = facts
  const rows = facts.payloads.map(payload => ({
    ...{ id: newId(), subject: event.subject, userId, requestId },
    payload: payload as Record<string, unknown>,
  }))
  for (let at = 0; at < rows.length; at += ROWS_PER_STATEMENT)
    await tx.insert(outbox).values(rows.slice(at, at + ROWS_PER_STATEMENT))
}
