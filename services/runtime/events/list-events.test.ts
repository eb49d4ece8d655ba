import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { newId } from '@mogplex/kit/ids.ts'
import { and, eq, lte } from 'drizzle-orm'
import { type AgentRun, agentRuns, aiCallEvents, aiCalls } from '../database/schema.ts'
import { type HttpRuntime, useHttpRuntime } from '../test-bench/http-runtime.ts'
import { acceptedRun, RUNS_PATH } from '../test-bench/run-client.ts'
import { appendEvents, type NewEvent, newEvent } from './append.ts'

interface Wire {
  id: string
  type: string
  message: string | null
  payload: Record<string, unknown>
}

// bunfig.toml cannot set it, and a helper only for the first file that imports it.
setDefaultTimeout(120_000)

let runtime: HttpRuntime
beforeAll(async () => {
  runtime = await useHttpRuntime()
})
afterAll(() => runtime.close())

const append = (run: AgentRun, events: NewEvent[]) =>
  runtime.database.transaction(tx => appendEvents(tx, run.aiCallId, events))

async function list(run: AgentRun, query = '') {
  const path = `${RUNS_PATH}/${run.id}/events${query}`
  const response = await runtime.call('GET', path, { as: { userId: run.userId } })
  const { data, error } = (await response.json()) as {
    data: { run: unknown; events: Wire[]; hasMore: boolean }
    error: { code: string; message: string }
  }
  return { status: response.status, data, error }
}

/** A run with `count` events: `started`, then logs with messages 2, 3, … */
async function runWithEvents(count: number): Promise<AgentRun> {
  const run = await acceptedRun(runtime)
  const logs = Array.from({ length: count - 1 }, (_, index) =>
    newEvent('log', { message: `${index + 2}`, payload: {} }),
  )
  if (logs.length > 0) await append(run, logs)
  return run
}

const numbers = (events: Wire[]) =>
  events.map(({ type, message }) => (type === 'started' ? 1 : Number(message)))
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index)

test('without `after` the newest come, oldest first', async () => {
  const run = await runWithEvents(250)
  const newest = await list(run, '?limit=3')
  expect([newest.status, numbers(newest.data.events), newest.data.hasMore]).toEqual([
    200,
    [248, 249, 250],
    false,
  ])
  expect(numbers((await list(run)).data.events)).toEqual(range(151, 250))
  expect((await list(run, '?limit=999')).data.events).toHaveLength(200)
  expect((await list(run, '?limit=0')).data.events).toHaveLength(1)
})

test('`after` walks the list page by page', async () => {
  const run = await runWithEvents(250)
  const seen: number[] = []
  let after = 'start'
  for (let page = 1; ; page += 1) {
    const { data } = await list(run, `?limit=50&after=${after}`)
    seen.push(...numbers(data.events))
    after = data.events.at(-1)?.id ?? ''
    expect(data.hasMore).toBe(page < 5)
    if (!data.hasMore) break
  }
  expect(seen).toEqual(range(1, 250))
  const { data } = await list(run, `?after=${after}`)
  expect([data.events, data.hasMore]).toEqual([[], false])
})

test('anything that is no event of this run is refused', async () => {
  const [run, other] = [await runWithEvents(1), await runWithEvents(1)]
  const foreign = (await list(other)).data.events[0]?.id
  for (const after of ['', 'x', 'START', newId(), foreign, '%00', run.id]) {
    const { status, error } = await list(run, `?after=${after}`)
    expect([status, error]).toEqual([400, { code: 'BAD_REQUEST', message: 'Invalid after' }])
    const path = `${RUNS_PATH}/${run.id}/events`
    const accept = 'text/event-stream'
    const byQuery = await runtime.call('GET', `${path}?after=${after}`, { as: run, headers: { accept } })
    expect(byQuery.status).toBe(400)
    if (!after || after === '%00') continue
    const headers = { accept, 'last-event-id': after }
    const byHeader = await runtime.call('GET', path, { as: run, headers })
    expect(byHeader.status).toBe(400)
    expect(await byHeader.json()).toMatchObject({ error: { message: 'Invalid Last-Event-ID' } })
  }
})

test('stored types get the names of v1, payloads are sanitised', async () => {
  const run = await acceptedRun(runtime)
  const token = `ghp_${'a1'.repeat(18)}`
  await append(run, [
    newEvent('status_changed', { payload: { from: 'pending', to: 'streaming' } }),
    newEvent('status_changed', { payload: { from: 'x', to: 'y' } }),
    newEvent('log', { payload: { stage: 'assistant', text: 'z'.repeat(3_000) } }),
    newEvent('log', { message: `got ${token}`, payload: { stage: 'output', env: { A: 1 } } }),
    newEvent('tool_started', {
      toolName: 'shell',
      payload: { input: { command: `curl -H "Authorization: Bearer ${token}"` } },
    }),
    newEvent('tool_finished', { toolName: 'shell', payload: { output: { a: { b: {} } }, success: true } }),
    newEvent('cancel_requested', { payload: {} }),
    newEvent('finished', { payload: { usage: { input_tokens: 5, output_tokens: null }, cost_usd: 0.01 } }),
  ])
  const { data } = await list(run)
  expect(data.events.map(({ type }) => type)).toEqual([
    ...[
      'started',
      'stream_started',
      'status_changed',
      'assistant_message',
      'log',
      'tool_call',
      'tool_result',
    ],
    ...['cancel_requested', 'finished'],
  ])
  expect(data.events[3]?.payload.text).toBe(`${'z'.repeat(2_000)}\n...[truncated 1000 chars]`)
  expect(data.events[4]).toMatchObject({
    message: 'got [redacted]',
    payload: { stage: 'output', env: '[redacted]' },
  })
  expect(data.events[5]).toMatchObject({
    toolName: 'shell',
    payload: { input: { command: 'curl -H "Authorization: Bearer [redacted]"' } },
  })
  expect(data.events[6]?.payload).toEqual({ output: { a: { b: '[truncated]' } }, success: true })
  expect(data.events[8]?.payload).toEqual({ usage: { input_tokens: 5, output_tokens: null }, cost_usd: 0.01 })
  const stored =
    await runtime.sql`select string_agg(ai_call_events::text, ' ') as all from runtime.ai_call_events`
  expect(stored[0]?.all).not.toContain(token)
})

test('the run beside the events shows what it cost and delivered, and its error only when it failed', async () => {
  const run = await acceptedRun(runtime)
  const delivery = {
    branch: 'b',
    commit: 'c',
    pushed: true,
    changed: true,
    changedFiles: 2,
    pullRequestUrl: null,
  }
  const error = 'could not push to https://x-access-token:abc@host'
  await runtime.database
    .update(agentRuns)
    .set({ status: 'failed', error, delivery })
    .where(eq(agentRuns.id, run.id))
  const figures = { inputTokens: 7, outputTokens: 0, costUsd: '0.12345678' }
  await runtime.database.update(aiCalls).set(figures).where(eq(aiCalls.id, run.aiCallId))
  expect((await list(run)).data.run).toMatchObject({
    status: 'failed',
    error: 'could not push to https://x-access-token:[redacted]@host',
    delivery,
    usage: {
      inputTokens: 7,
      outputTokens: 0,
      cacheReadInputTokens: null,
      cacheCreationInputTokens: null,
      reasoningTokens: null,
      costUsd: 0.12345678,
    },
  })
  await runtime.database.update(agentRuns).set({ status: 'success' }).where(eq(agentRuns.id, run.id))
  expect((await list(run)).data.run).toMatchObject({ status: 'success', error: null })
})

test('a page of large events ends early and says that more follow; every event is read once', async () => {
  const run = await acceptedRun(runtime)
  const text = '漢'.repeat(40_000)
  const large = () => newEvent('log', { message: 'large', payload: { texts: [text, text] } })
  await append(run, [...Array.from({ length: 30 }, large), newEvent('log', { message: 'last', payload: {} })])
  const pages: number[] = []
  const seen: string[] = []
  for (let after = 'start', hasMore = true; hasMore; after = seen.at(-1) ?? 'start') {
    const { data } = await list(run, `?limit=200&after=${after}`)
    pages.push(data.events.length)
    seen.push(...data.events.map(({ id }) => id))
    hasMore = data.hasMore
  }
  expect([seen.length, new Set(seen).size]).toEqual([32, 32])
  // Of 240 kB each: two megabytes at a time.
  expect(Math.max(...pages)).toBeLessThan(11)
  const newest = (await list(run, '?limit=200')).data
  expect(newest.events.length).toBeLessThan(11)
  expect([newest.events.at(-1)?.message, newest.hasMore]).toEqual(['last', false])
})

test('events that are not kept any more are no page and no wait', async () => {
  const run = await runWithEvents(20)
  const { aiCallId } = run
  await runtime.database.update(aiCalls).set({ status: 'success' }).where(eq(aiCalls.id, aiCallId))
  const middle = (await list(run)).data.events[9]?.id
  await runtime.database
    .delete(aiCallEvents)
    .where(and(eq(aiCallEvents.aiCallId, aiCallId), lte(aiCallEvents.position, 5)))
  expect(numbers((await list(run, '?after=start')).data.events)).toEqual(range(6, 20))
  expect(numbers((await list(run, `?after=${middle}`)).data.events)).toEqual(range(11, 20))
  await runtime.database.delete(aiCallEvents).where(eq(aiCallEvents.aiCallId, aiCallId))
  for (const query of ['', '?after=start']) {
    const { data } = await list(run, query)
    expect([data.events, data.hasMore]).toEqual([[], false])
  }
  const headers = { accept: 'text/event-stream' }
  const stream = await runtime.call('GET', `${RUNS_PATH}/${run.id}/events`, { as: run, headers })
  expect(await stream.text()).toBe(': connected\n\n')
})
