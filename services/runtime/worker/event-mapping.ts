/** From what a harness said to what is stored (runtime spec 3.2, 4). */
import { type NewEvent, newEvent } from '../events/append.ts'
import { firstOf } from '../events/cut-text.ts'
import { redactExcerpt, redactMessageExcerpt } from '../events/redact.ts'
import type { HarnessEvent } from '../harnesses/harness.ts'
import { type Line, MAX_LINE_LENGTH } from '../harnesses/lines.ts'

const PREVIEW_LENGTH = 200
const MAX_OUTPUT_EVENT_LENGTH = 4_000

export type EventMapper = (event: HarnessEvent) => NewEvent[]

export interface EventMapperOptions {
  /** Kept out of what is shown of a text; the payloads are redacted when they are stored. */
  secrets: readonly string[]
  now?: () => number
}

/** Keeps the numbers of steps and the start times of open tools; one mapper per process. */
export function createEventMapper({
  secrets,
  now = () => performance.now(),
}: EventMapperOptions): EventMapper {
  const preview = (text: string) => redactMessageExcerpt(text, PREVIEW_LENGTH, secrets).text
  const open = new Map<string, { step: number; startedAtMs: number }>()
  let steps = 0

  return event => {
    switch (event.kind) {
      case 'session':
        return []
      case 'assistant': {
        const { text } = event
        return [
          newEvent('log', {
            message: preview(text),
            payload: { stage: 'assistant', level: 'info', text },
          }),
        ]
      }
      case 'tool_started': {
        steps += 1
        open.set(event.toolCallId, { step: steps, startedAtMs: now() })
        const { input } = event
        const inputPreview = preview(textOf(input))
        return [
          newEvent('tool_started', {
            toolName: event.toolName,
            message: inputPreview,
            payload: {
              tool_call_id: event.toolCallId,
              input,
              input_preview: inputPreview,
              step_number: steps,
            },
          }),
        ]
      }
      case 'tool_finished': {
        const started = open.get(event.toolCallId)
        open.delete(event.toolCallId)
        const { output } = event
        const outputPreview = preview(textOf(output))
        return [
          newEvent('tool_finished', {
            toolName: event.toolName,
            message: outputPreview,
            payload: {
              tool_call_id: event.toolCallId,
              [event.success ? 'output' : 'error']: output,
              output_preview: outputPreview,
              success: event.success,
              duration_ms: started ? Math.round(now() - started.startedAtMs) : null,
              step_number: started?.step ?? steps,
            },
          }),
        ]
      }
      case 'error': {
        const { message: text } = event
        return [
          newEvent('log', {
            message: preview(text),
            payload: { stage: 'output', level: 'error', text },
          }),
        ]
      }
      case 'output':
        return outputEvents({ text: event.text, length: event.length ?? event.text.length }, secrets)
    }
  }
}

/** Text of the process that is no event of its own, in pieces of at most 4,000 characters. */
export function outputEvents({ text: said, length }: Line, secrets: readonly string[]): NewEvent[] {
  const { text, isCut } = redactExcerpt(said, MAX_LINE_LENGTH, secrets)
  const pieces: string[] = []
  for (let rest = text; rest !== ''; rest = rest.slice(pieces.at(-1)?.length)) {
    pieces.push(firstOf(rest, MAX_OUTPUT_EVENT_LENGTH))
  }
  return pieces.map((piece, index) => {
    const isLast = index === pieces.length - 1
    const cut = isCut && isLast ? { truncated: true, original_length: length } : {}
    return stageEvent('output', firstOf(piece, PREVIEW_LENGTH), { text: piece, ...cut })
  })
}

/** A `log` event of one of the stages of runtime spec 4. */
export function stageEvent(
  stage: 'install' | 'git_sync' | 'mcp_config' | 'output' | 'git_delivery' | 'sandbox',
  message: string,
  payload: Record<string, unknown> = {},
): NewEvent {
  return newEvent('log', { message, payload: { stage, level: 'info', ...payload } })
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
}
