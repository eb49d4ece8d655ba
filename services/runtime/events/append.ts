/**
 * Appends to the events of a call (runtime spec 4).
 *
 * Positions come from a counter in the call's row, whose lock is held until commit: positions are without
 * gaps, and a reader that has seen position n will never find a smaller one appear later. A sequence would
 * give neither.
 */
import type { Queryable } from '@mogplex/kit/database/connect.ts'
import { newId } from '@mogplex/kit/ids.ts'
import { eq, sql } from 'drizzle-orm'
import { aiCallEvents, aiCalls, type EventType } from '../database/schema.ts'
import { redactMessage, redactPayload } from './redact.ts'

export interface NewEvent {
  /** Given by the writer, so that a repeated write is recognised. */
  id: string
  eventType: EventType
  toolName?: string | null
  message?: string | null
  payload: Record<string, unknown>
  createdAt: Date
}

/** An event as of now, with a fresh id. */
export function newEvent(
  eventType: EventType,
  facts: Omit<NewEvent, 'id' | 'eventType' | 'createdAt'>,
): NewEvent {
  return { id: newId(), eventType, createdAt: new Date(), ...facts }
}

/**
 * Stores `events` in order behind those already there, redacted. `secrets` are the values known to the
 * sandbox; they are replaced wherever they occur. Call it inside the transaction that guards the run's state.
 */
export async function appendEvents(
  tx: Queryable,
  callId: string,
  events: readonly NewEvent[],
  secrets: readonly string[] = [],
): Promise<void> {
  if (events.length === 0) return
  const [counter] = await tx
    .update(aiCalls)
    .set({ eventCount: sql`${aiCalls.eventCount} + ${events.length}` })
    .where(eq(aiCalls.id, callId))
    .returning({ eventCount: aiCalls.eventCount })
  if (!counter) throw new Error(`no call ${callId}`)
  const first = counter.eventCount - events.length + 1
  await tx.insert(aiCallEvents).values(
    events.map((event, index) => ({
      id: event.id,
      aiCallId: callId,
      position: first + index,
      eventType: event.eventType,
      toolName: event.toolName ?? null,
      message: event.message == null ? null : redactMessage(event.message, secrets),
      payload: redactPayload(event.payload, secrets),
      createdAt: event.createdAt,
    })),
  )
}
