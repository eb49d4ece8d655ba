import { describe, expect, test } from 'bun:test'
import type { HarnessEvent } from '../harness.ts'
import { codex } from './codex.ts'
import { createCodexParser } from './parser.ts'

/** Recorded from the pinned CLI against the stand-in model endpoint. */
async function play(name: string) {
  const parser = createCodexParser()
  const text = await Bun.file(`${import.meta.dir}/transcripts/${name}.jsonl`).text()
  const events = text.split('\n').flatMap(line => parser.line(line))
  return { text, events: [...events, ...parser.end()], parser }
}

const closing: HarnessEvent = { kind: 'assistant', text: 'Done. The change is in the working tree.' }

describe('recorded transcripts', () => {
  test('a shell command and a message', async () => {
    const { events, parser } = await play('shell-and-message')
    expect(events).toEqual([
      { kind: 'session', sessionId: expect.any(String), model: null },
      {
        kind: 'tool_started',
        toolCallId: 'item_0',
        toolName: 'shell',
        input: { command: '/bin/bash -c "printf \\"hi\\\\n\\" > NEW.md; ls"' },
      },
      { kind: 'tool_finished', toolCallId: 'item_0', toolName: 'shell', success: true, output: 'NEW.md\n' },
      closing,
    ])
    expect(parser.failed()).toBe(false)
    // The CLI reported 27910 input tokens, 13955 of them cached.
    expect(parser.usage()).toEqual({
      inputTokens: 13955,
      outputTokens: 199,
      cacheReadInputTokens: 13955,
      cacheCreationInputTokens: 0,
      reasoningTokens: 6,
      reportedCostUsd: null,
    })
  })

  test('a command that fails is a tool that failed, not a run that failed', async () => {
    const { events, parser } = await play('failing-command')
    expect(events[2]).toEqual({
      kind: 'tool_finished',
      toolCallId: 'item_0',
      toolName: 'shell',
      success: false,
      output: 'Exit code 3\nbad\n',
    })
    expect(parser.failed()).toBe(false)
  })

  test('a patch', async () => {
    const changes = [
      { path: '/workspace/notes/a.md', kind: 'add' },
      { path: '/workspace/old.txt', kind: 'update' },
    ]
    const call = { toolCallId: 'item_0', toolName: 'apply_patch' }
    const { events } = await play('file-change')
    expect(events.slice(1)).toEqual([
      { kind: 'tool_started', ...call, input: { changes } },
      { kind: 'tool_finished', ...call, success: true, output: { changes, status: 'completed' } },
      closing,
    ])
  })

  test('a refused key', async () => {
    const { text, events, parser } = await play('refused-key')
    expect(events.filter(event => event.kind === 'error')).toHaveLength(6)
    expect(parser.failed()).toBe(true)
    expect(parser.usage().inputTokens).toBeNull()
    expect(codex.classifyFailure({ stdoutTail: text, stderrTail: '', exitCode: 1 })).toEqual({
      code: 'model_access_denied',
      message: 'The model provider refused access: unexpected status 401 Unauthorized: Invalid API key',
    })
  })

  test('a rate limit', async () => {
    const { text, parser } = await play('rate-limited')
    expect(parser.failed()).toBe(true)
    expect(codex.classifyFailure({ stdoutTail: text, stderrTail: '', exitCode: 1 }).code).toBe('rate_limited')
  })
})

function events(...lines: object[]): HarnessEvent[] {
  const parser = createCodexParser()
  return [...lines.flatMap(line => parser.line(JSON.stringify(line))), ...parser.end()]
}

test('a finish without a start yields both, a start without a finish is closed as failed', () => {
  const item = { id: 'a', type: 'mcp_tool_call', server: 'docs', tool: 'find', arguments: { q: 1 } }
  const call = { toolCallId: 'a', toolName: 'mcp:docs/find' }
  const done = { ...item, status: 'completed', result: { hits: 2 } }
  expect(events({ type: 'item.completed', item: done })).toEqual([
    { kind: 'tool_started', ...call, input: { q: 1 } },
    { kind: 'tool_finished', ...call, success: true, output: { hits: 2 } },
  ])
  expect(events({ type: 'item.started', item })).toEqual([
    { kind: 'tool_started', ...call, input: { q: 1 } },
    { kind: 'tool_finished', ...call, success: false, output: expect.any(String) },
  ])
})

test('a failed MCP call keeps its error, a web search needs no status', () => {
  const failed = {
    id: 'a',
    type: 'mcp_tool_call',
    server: 's',
    tool: 't',
    status: 'failed',
    error: { message: 'no' },
  }
  expect(events({ type: 'item.completed', item: failed })[1]).toMatchObject({ success: false, output: 'no' })
  const search = { id: 'b', type: 'web_search', query: 'bun' }
  expect(events({ type: 'item.completed', item: search })).toMatchObject([
    { toolName: 'web_search', input: { query: 'bun' } },
    { toolName: 'web_search', success: true },
  ])
})

test('reasoning and todo lists are dropped, plain lines are kept as output', () => {
  const parser = createCodexParser()
  const dropped = ['reasoning', 'todo_list'].map(type => ({
    type: 'item.completed',
    item: { id: 'x', type, text: 't' },
  }))
  expect(dropped.flatMap(line => parser.line(JSON.stringify(line)))).toEqual([])
  expect(parser.line('thread panicked {')).toEqual([{ kind: 'output', text: 'thread panicked {' }])
  expect(parser.line('42')).toEqual([{ kind: 'output', text: '42' }])
  expect(parser.line('')).toEqual([])
})

test('a turn that completes after reconnecting has not failed', () => {
  const parser = createCodexParser()
  parser.line('{"type":"error","message":"Reconnecting... 1/5"}')
  expect(parser.failed()).toBe(true)
  parser.line('{"type":"turn.completed","usage":{"input_tokens":5,"output_tokens":1}}')
  expect(parser.failed()).toBe(false)
})

test('usage is summed over turns; what was never reported stays null', () => {
  const parser = createCodexParser()
  parser.line(
    '{"type":"turn.completed","usage":{"input_tokens":10,"cached_input_tokens":4,"cache_write_input_tokens":1,"output_tokens":2}}',
  )
  parser.line(
    '{"type":"turn.completed","usage":{"input_tokens":7,"cached_input_tokens":9,"output_tokens":3}}',
  )
  expect(parser.usage()).toEqual({
    inputTokens: 5,
    outputTokens: 5,
    cacheReadInputTokens: 13,
    cacheCreationInputTokens: 1,
    reasoningTokens: null,
    reportedCostUsd: null,
  })
})
