import { expect, test } from 'bun:test'
import { newEvent, storableEvent } from '../events/append.ts'
import { OutputBudget } from './output-budget.ts'

const said = (text: string) =>
  storableEvent(newEvent('log', { message: 'said', payload: { stage: 'assistant', text } }))
const tool = (eventType: 'tool_started' | 'tool_finished', tool_call_id: string) =>
  storableEvent(newEvent(eventType, { payload: { tool_call_id, output: 'x'.repeat(100), success: true } }))
const ours = () => storableEvent(newEvent('log', { payload: { stage: 'git_delivery' } }))

test('what is beyond the limit of events is dropped, counted, and said once', () => {
  const budget = new OutputBudget({ maxBytes: Infinity, maxEvents: 3 })
  const admitted = Array.from({ length: 10 }, (_, index) => budget.admit(said(String(index))))
  expect(admitted.map(events => events.length)).toEqual([1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
  expect(admitted[3]?.[0]?.payload).toMatchObject({ stage: 'output', level: 'warning', truncated: true })
  expect(budget.isUsedUp).toBe(true)
  expect(budget.closingNote()?.message).toBe("Not kept of the agent's output: 7 events")
  expect(budget.admit(ours())).toHaveLength(1)
})

test('nor is anything beyond the limit of bytes, however small', () => {
  const budget = new OutputBudget({ maxBytes: 1_000, maxEvents: 100 })
  const admitted = [said('x'.repeat(400)), said('x'.repeat(800)), said('x')].map(event => budget.admit(event))
  expect(admitted.map(events => events.length)).toEqual([1, 1, 0])
})

test('a tool whose beginning is stored gets its end, without what makes it large; another gets neither', () => {
  const budget = new OutputBudget({ maxBytes: Infinity, maxEvents: 2 })
  for (const event of [tool('tool_started', 'a'), said('x'), said('beyond')]) budget.admit(event)
  const later = [tool('tool_started', 'b'), tool('tool_finished', 'b'), tool('tool_finished', 'a')]
  const kept = later.flatMap(event => budget.admit(event))
  expect(kept.map(({ payload }) => payload)).toEqual([
    { tool_call_id: 'a', success: true, duration_ms: undefined, step_number: undefined, truncated: true },
  ])
})

test('tools that never end by themselves do not go beyond the limit of events with their ends', () => {
  const budget = new OutputBudget({ maxBytes: Infinity, maxEvents: 10 })
  const ids = Array.from({ length: 20 }, (_, index) => String(index))
  const begun = ids.flatMap(id => budget.admit(tool('tool_started', id)))
  const ended = ids.flatMap(id => budget.admit(tool('tool_finished', id)))
  const stored = [...begun, ...ended].filter(({ eventType }) => eventType !== 'log')
  expect(stored).toHaveLength(10)
  expect(stored.map(({ payload }) => payload.tool_call_id)).toEqual([...ids.slice(0, 5), ...ids.slice(0, 5)])
})

test('nothing is said where everything is kept', () => {
  const budget = new OutputBudget({ maxBytes: 1_000, maxEvents: 10 })
  budget.admit(said('x'))
  expect([budget.isUsedUp, budget.closingNote()]).toEqual([false, null])
})
