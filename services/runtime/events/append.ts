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
import { redactMessageExcerpt, redactPayload } from './redact.ts'

export interface NewEvent {
  /** Given by the writer, so that a repeated write is recognised. */
  id: string
  eventType: EventType
  toolName?: string | null
  message?: string | null
  payload: Record<string, unknown>
  createdAt: Date
}

/** An event as it is stored: cut, without secrets, and of a known size. */
export interface StorableEvent {
  id: string
  eventType: EventType
  toolName: string | null
  message: string | null
  payload: Record<string, unknown>
  createdAt: Date
  /** Of its payload as JSON, its message and its tool's name. */
  bytes: number
}

/** Of one event's payload, as JSON. */
export const MAX_PAYLOAD_BYTES = 256 * 1024
const MAX_MESSAGE_LENGTH = 4_000
const MAX_TOOL_NAME_LENGTH = 200
/** Of what is too large though it has few enough characters: no character takes more than six bytes. */
const SMALL = { maxTextLength: 10_000, maxLength: 20_000, maxMembers: 200 }

/** An event as of now, with a fresh id. */
export function newEvent(
  eventType: EventType,
  facts: Omit<NewEvent, 'id' | 'eventType' | 'createdAt'>,
): NewEvent {
  return { id: newId(), eventType, createdAt: new Date(), ...facts }
}

/** `secrets` are the values known to the sandbox; they are replaced wherever they occur. */
export function storableEvent(event: NewEvent, secrets: readonly string[] = []): StorableEvent {
  let payload = redactPayload(event.payload, secrets)
  let payloadBytes = sizeOf(payload)
  if (payloadBytes > MAX_PAYLOAD_BYTES) {
    payload = { ...redactPayload(event.payload, secrets, SMALL), truncated: true }
    payloadBytes = sizeOf(payload)
  }
  const excerpt = (text: string | null | undefined, maxLength: number) =>
    text == null ? null : redactMessageExcerpt(text, maxLength, secrets).text
  const message = excerpt(event.message, MAX_MESSAGE_LENGTH)
  const toolName = excerpt(event.toolName, MAX_TOOL_NAME_LENGTH)
  const bytes = payloadBytes + Buffer.byteLength(message ?? '') + Buffer.byteLength(toolName ?? '')
  return {
    id: event.id,
    eventType: event.eventType,
    toolName,
    message,
    payload,
    createdAt: event.createdAt,
    bytes,
  }
}

/**
 * Stores `events` in order behind those already there, redacted. Call it inside the transaction that guards the
 * run's state.
 */
export async function appendEvents(
  tx: Queryable,
  callId: string,
  events: readonly NewEvent[],
  secrets: readonly string[] = [],
): Promise<void> {
  const storable = events.map(event => storableEvent(event, secrets))
  await appendStorableEvents(tx, callId, storable)
}

/**
 * As {@link appendEvents}, for events that are ready. `isAllowed` is asked once the call's row is locked: whatever
 * ends the call, and so forbids more events, is then either committed and seen, or comes after these.
 */
export async function appendStorableEvents(
  tx: Queryable,
  callId: string,
  events: readonly StorableEvent[],
  isAllowed: () => Promise<boolean> = async () => true,
): Promise<boolean> {
  if (events.length === 0) return true
  const [counter] = await tx
    .update(aiCalls)
    .set({ eventCount: sql`${aiCalls.eventCount} + ${events.length}` })
    .where(eq(aiCalls.id, callId))
    .returning({ eventCount: aiCalls.eventCount })
  if (!counter) throw new Error(`no call ${callId}`)
  if (!(await isAllowed())) return false
  const first = counter.eventCount - events.length + 1
  await tx
    .insert(aiCallEvents)
    .values(events.map((event, index) => ({ ...event, aiCallId: callId, position: first + index })))
  return true
}

function sizeOf(payload: Record<string, unknown>): number {
  return Buffer.byteLength(JSON.stringify(payload))
}
