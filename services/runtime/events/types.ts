/** From stored event types to the names v1 shows (runtime spec 4; spec README, 6). */
import type { AiCallEvent, EventType } from '../database/schema.ts'

export type V1EventType =
  | Exclude<EventType, 'tool_started' | 'tool_finished'>
  | 'stream_started'
  | 'assistant_message'
  | 'tool_call'
  | 'tool_result'

export function v1EventType({ eventType, payload }: Pick<AiCallEvent, 'eventType' | 'payload'>): V1EventType {
  switch (eventType) {
    case 'status_changed':
      return payload.to === 'streaming' ? 'stream_started' : 'status_changed'
    case 'log':
      return payload.stage === 'assistant' ? 'assistant_message' : 'log'
    case 'tool_started':
      return 'tool_call'
    case 'tool_finished':
      return 'tool_result'
    default:
      return eventType
  }
}
