/** From what a harness said to what is stored (runtime spec 3.2, 4). */
import { type NewEvent, newEvent } from '../events/append.ts'
import type { HarnessEvent } from '../harnesses/harness.ts'

const PREVIEW_LENGTH = 200
const MAX_OUTPUT_EVENT_LENGTH = 4_000
/** Longest text kept of one tool input or output; internal routes show no more (runtime spec 4). */
const MAX_TEXT_LENGTH = 40_000

export type EventMapper = (event: HarnessEvent) => NewEvent[]

/** Keeps the numbers of steps and the start times of open tools; one mapper per process. */
export function createEventMapper(now: () => number = () => performance.now()): EventMapper {
  const open = new Map<string, { step: number; startedAtMs: number }>()
  let steps = 0

  return event => {
    switch (event.kind) {
      case 'session':
        return []
      case 'assistant':
        return [
          newEvent('log', {
            message: event.text.slice(0, PREVIEW_LENGTH),
            payload: { stage: 'assistant', level: 'info', text: event.text },
          }),
        ]
      case 'tool_started': {
        steps += 1
        open.set(event.toolCallId, { step: steps, startedAtMs: now() })
        const input = shorten(event.input)
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
        const output = shorten(event.output)
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
      case 'error':
        return [
          newEvent('log', {
            message: event.message.slice(0, PREVIEW_LENGTH),
            payload: { stage: 'output', level: 'error', text: shorten(event.message) },
          }),
        ]
      case 'output':
        return outputEvents(event.text)
    }
  }
}

/** Text of the process that is no event of its own, in pieces of at most 4,000 characters. */
export function outputEvents(text: string): NewEvent[] {
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

function shorten(value: unknown): unknown {
  if (typeof value === 'string')
    return value.length > MAX_TEXT_LENGTH ? value.slice(0, MAX_TEXT_LENGTH) : value
  if (Array.isArray(value)) return value.map(shorten)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, shorten(member)]))
}

function preview(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
  return text.slice(0, PREVIEW_LENGTH)
}
