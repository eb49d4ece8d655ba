import { expect, test } from 'bun:test'
import type { RunEvent } from '../system/runs.ts'
import { eventLine } from './event-line.ts'

const cases: [string, Partial<RunEvent>][] = [
  [
    'git_sync          Checked out b',
    { type: 'log', message: 'Checked out b', payload: { stage: 'git_sync' } },
  ],
  [
    'tool_call         Bash: ls',
    { type: 'tool_call', toolName: 'Bash', payload: { input: { command: 'ls' } } },
  ],
  ['tool_call         Read: {"path":1}', { type: 'tool_call', toolName: 'Read', message: '{"path":1}' }],
  ['tool_result       Bash: done in 9 ms; a b', toolResult({ success: true, duration_ms: 9 }, 'a\n\tb\n')],
  ['tool_result       Bash: failed', toolResult({ success: false, duration_ms: null }, '')],
  ['finished', { type: 'finished', message: null }],
  [`assistant_message ${'x'.repeat(79)}…`, { type: 'assistant_message', message: 'x'.repeat(81) }],
]

function toolResult(payload: RunEvent['payload'], message: string): Partial<RunEvent> {
  return { type: 'tool_result', toolName: 'Bash', message, payload }
}

test.each(cases)('%s', (line, fields) => {
  const rest = { id: 'e', type: 'log', toolName: null, message: null, payload: {}, createdAt: '' }
  expect(eventLine({ ...rest, ...fields })).toBe(line)
})
