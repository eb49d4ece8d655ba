/** An event of a run as one line for people. */
import type { RunEvent } from '../system/runs.ts'

const MAX_LENGTH = 80

/** What kind of event it is, at a fixed width, and the one thing it says. */
export function eventLine(event: RunEvent): string {
  const kind = event.type === 'log' ? String(event.payload.stage ?? event.type) : event.type
  return `${kind.padEnd(17)} ${oneLine(saying(event))}`.trimEnd()
}

function saying({ type, toolName, message, payload }: RunEvent): string {
  if (type === 'tool_call') return `${toolName}: ${commandOf(payload.input) ?? message ?? ''}`
  if (type !== 'tool_result') return message ?? ''
  const how = payload.success === true ? 'done' : 'failed'
  const took = typeof payload.duration_ms === 'number' ? ` in ${payload.duration_ms} ms` : ''
  return `${toolName}: ${how}${took}${message ? `; ${message}` : ''}`
}

function commandOf(input: unknown): string | null {
  const hasCommand = typeof input === 'object' && input !== null && 'command' in input
  return hasCommand && typeof input.command === 'string' ? input.command : null
}

function oneLine(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim()
  return line.length > MAX_LENGTH ? `${line.slice(0, MAX_LENGTH - 1)}…` : line
}
