/** From what a harness said to what is stored (runtime spec 3.2, 4). */
import { type NewEvent, newEvent } from '../events/append.ts'
import { redactMessage } from '../events/redact.ts'
import { redactKnown } from '../events/secret-texts.ts'
import type { HarnessEvent } from '../harnesses/harness.ts'

const PREVIEW_LENGTH = 200
const MAX_OUTPUT_EVENT_LENGTH = 4_000
/** Longest text kept of one tool input or output; internal routes show no more (runtime spec 4). */
const MAX_TEXT_LENGTH = 40_000

export type EventMapper = (event: HarnessEvent) => NewEvent[]

export interface EventMapperOptions {
  /** Replaced before a text is cut, since half a secret is not recognised afterwards. */
  secrets: readonly string[]
  now?: () => number
}

/** Keeps the numbers of steps and the start times of open tools; one mapper per process. */
export function createEventMapper({
  secrets,
  now = () => performance.now(),
}: EventMapperOptions): EventMapper {
  const open = new Map<string, { step: number; startedAtMs: number }>()
  let steps = 0

  return event => {
    switch (event.kind) {
      case 'session':
        return []
      case 'assistant': {
        const text = redactKnown(event.text, secrets)
        return [
          newEvent('log', {
            message: text.slice(0, PREVIEW_LENGTH),
            payload: { stage: 'assistant', level: 'info', text },
          }),
        ]
      }
      case 'tool_started': {
        steps += 1
        open.set(event.toolCallId, { step: steps, startedAtMs: now() })
        const input = shorten(event.input, secrets)
        return [
          newEvent('tool_started', {
            toolName: event.toolName,
            message: preview(input),
            payload: {
              tool_call_id: event.toolCallId,
              input,
              input_preview: preview(input),
              step_number: steps,
            },
          }),
        ]
      }
      case 'tool_finished': {
        const started = open.get(event.toolCallId)
        open.delete(event.toolCallId)
        const output = shorten(event.output, secrets)
        return [
          newEvent('tool_finished', {
            toolName: event.toolName,
            message: preview(output),
            payload: {
              tool_call_id: event.toolCallId,
              [event.success ? 'output' : 'error']: output,
              output_preview: preview(output),
              success: event.success,
              duration_ms: started ? Math.round(now() - started.startedAtMs) : null,
              step_number: started?.step ?? steps,
            },
          }),
        ]
      }
      case 'error': {
        const text = redactKnown(event.message, secrets)
        return [
          newEvent('log', {
            message: text.slice(0, PREVIEW_LENGTH),
            payload: { stage: 'output', level: 'error', text: text.slice(0, MAX_TEXT_LENGTH) },
          }),
        ]
      }
      case 'output':
        return outputEvents(event.text, secrets)
    }
  }
}

/** Text of the process that is no event of its own, in pieces of at most 4,000 characters. */
export function outputEvents(said: string, secrets: readonly string[]): NewEvent[] {
  const text = redactMessage(said, secrets)
  const events: NewEvent[] = []
  for (let start = 0; start < text.length; start += MAX_OUTPUT_EVENT_LENGTH) {
    const piece = text.slice(start, start + MAX_OUTPUT_EVENT_LENGTH)
    events.push(stageEvent('output', piece.slice(0, PREVIEW_LENGTH), { text: piece }))
  }
  return events
}

/** A `log` event of one of the stages of runtime spec 4. */
export function stageEvent(
  stage: 'install' | 'git_sync' | 'mcp_config' | 'output' | 'git_delivery' | 'sandbox',
  message: string,
  payload: Record<string, unknown> = {},
): NewEvent {
  return newEvent('log', { message, payload: { stage, level: 'info', ...payload } })
}

function shorten(value: unknown, secrets: readonly string[]): unknown {
  if (typeof value === 'string') return redactKnown(value, secrets).slice(0, MAX_TEXT_LENGTH)
  if (Array.isArray(value)) return value.map(entry => shorten(entry, secrets))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, shorten(member, secrets)]))
}

function preview(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
  return text.slice(0, PREVIEW_LENGTH)
}
