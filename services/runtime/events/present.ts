/** An event as v1 sends it, in lists and in streams alike (v1 contract 7.8, 9). */
import type { RunEvent } from '@mogplex/proto/wire/runs.ts'
import type { AiCallEvent } from '../database/schema.ts'
import { sanitisePayload, sanitiseText } from './sanitise.ts'
import { v1EventType } from './types.ts'

export function presentEvent(event: AiCallEvent): RunEvent {
  return {
    id: event.id,
    type: v1EventType(event),
    toolName: event.toolName === null ? null : sanitiseText(event.toolName),
    message: event.message === null ? null : sanitiseText(event.message),
    payload: sanitisePayload(event.payload),
    createdAt: event.createdAt.toISOString(),
  }
}
