import { describe, expect, test } from 'bun:test'
import { type NewEvent, storableEvent } from '../events/append.ts'
import type { HarnessEvent } from '../harnesses/harness.ts'
import { createEventMapper, outputEvents } from './event-mapping.ts'

const SECRET = 'q1w2e3r4t5y6u7i8o9p0'
const call = { toolCallId: 'a', toolName: 'shell' }
/** As it is stored. */
const textOf = (events: NewEvent[], secrets: string[]) =>
  JSON.stringify(events.map(event => storableEvent(event, secrets)))
/** Any part of the secret that would help somebody. */
const PARTS = [SECRET.slice(0, 8), SECRET.slice(-8)]

describe('a secret that a limit would cut in two is recognised before the cut', () => {
  const before = (limit: number) => 'x'.repeat(limit - 10) + SECRET + 'y'.repeat(30)
  const said: [string, HarnessEvent][] = [
    ['the preview of a message', { kind: 'assistant', text: before(200) }],
    ['the preview of an error', { kind: 'error', message: before(200) }],
    ['the preview of an input', { ...call, kind: 'tool_started', input: before(200) }],
    ['a long error', { kind: 'error', message: before(40_000) }],
    ['a long input', { ...call, kind: 'tool_started', input: { command: before(40_000) } }],
    ['a long output', { ...call, kind: 'tool_finished', success: true, output: [before(40_000)] }],
    ['output in pieces', { kind: 'output', text: before(4_000) }],
  ]
  test.each(said)('in %s', (_, event) => {
    const text = textOf(createEventMapper({ secrets: [SECRET] })(event), [SECRET])
    expect(PARTS.filter(part => text.includes(part))).toEqual([])
    expect(textOf(createEventMapper({ secrets: [] })(event), [])).toContain(SECRET.slice(0, 8))
  })
})

test('output is stored in pieces of at most 4,000 characters, in order, without loss', () => {
  const text = Array.from({ length: 9_001 }, (_, index) => String(index % 10)).join('')
  const pieces = outputEvents({ text, length: text.length }, []).map(event => String(event.payload.text))
  expect(pieces.map(piece => piece.length)).toEqual([4_000, 4_000, 1_001])
  expect(pieces.join('')).toBe(text)
})

test('a tool that ends has the number and the time of its start; numbers go up', () => {
  let nowMs = 1_000
  const map = createEventMapper({ secrets: [], now: () => nowMs })
  map({ ...call, kind: 'tool_started', input: 'first' })
  map({ ...call, toolCallId: 'b', kind: 'tool_started', input: 'second' })
  nowMs = 1_250
  const [first] = map({ ...call, kind: 'tool_finished', success: false, output: 'no' })
  expect(first?.payload).toEqual({
    tool_call_id: 'a',
    error: 'no',
    output_preview: 'no',
    success: false,
    duration_ms: 250,
    step_number: 1,
  })
  const [second] = map({ ...call, toolCallId: 'b', kind: 'tool_finished', success: true, output: 'yes' })
  expect(second?.payload).toMatchObject({ output: 'yes', step_number: 2 })
})
