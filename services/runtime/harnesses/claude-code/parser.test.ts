import { describe, expect, test } from 'bun:test'
import type { HarnessEvent } from '../harness.ts'
import { claudeCode } from './claude-code.ts'
import { createClaudeCodeParser } from './parser.ts'

/** Recorded from the pinned CLI against the stand-in model endpoint. */
async function play(name: string) {
  const parser = createClaudeCodeParser()
  const text = await Bun.file(`${import.meta.dir}/transcripts/${name}.jsonl`).text()
  const events = text.split('\n').flatMap(line => parser.line(line))
  return { text, events: [...events, ...parser.end()], parser }
}

describe('recorded transcripts', () => {
  test('a shell command and a message', async () => {
    const { events, parser } = await play('shell-and-message')
    const call = { toolCallId: expect.stringMatching(/^toolu_/), toolName: 'Bash' }
    expect(events).toEqual([
      { kind: 'session', sessionId: expect.any(String), model: 'anthropic/claude-opus-5-5' },
      {
        kind: 'tool_started',
        ...call,
        input: { command: 'printf "hi\\n" > NEW.md; ls', description: 'Do what was asked', timeout: 600_000 },
      },
      { kind: 'tool_finished', ...call, success: true, output: 'NEW.md' },
      { kind: 'assistant', text: 'Done. The change is in the working tree.' },
    ] as HarnessEvent[])
    expect(parser.failed()).toBe(false)
    expect(parser.usage()).toEqual({
      inputTokens: 13473,
      outputTokens: 63,
      cacheReadInputTokens: 13472,
      cacheCreationInputTokens: 0,
      reasoningTokens: 0,
      reportedCostUsd: 0.0578464,
    })
  })

  test('what the CLI says by itself, in place of its model, is output and no answer', async () => {
    const { events, parser } = await play('own-command')
    expect(events).toEqual([
      { kind: 'session', sessionId: expect.any(String), model: 'anthropic/claude-opus-5-5' },
      { kind: 'output', text: "/help isn't available in this environment." },
    ])
    expect([parser.failed(), parser.usage().outputTokens]).toEqual([false, 0])
  })

  test('a command that fails, and one that is not permitted, are tools that failed', async () => {
    const failing = await play('failing-command')
    expect(failing.events[2]).toMatchObject({
      kind: 'tool_finished',
      success: false,
      output: 'Exit code 3\nbad',
    })
    expect(failing.parser.failed()).toBe(false)
    const refused = await play('refused-permission')
    expect(refused.events[2]).toMatchObject({
      kind: 'tool_finished',
      success: false,
      output: 'Permission to use Bash with command sudo -n true has been denied.',
    })
  })

  test('a refused key ends with a result that calls itself a success and is an error', async () => {
    const { text, events, parser } = await play('refused-key')
    expect(text).toContain('"subtype":"success"')
    expect(events.slice(1)).toEqual([
      { kind: 'error', message: 'Failed to authenticate. API Error: 401 Invalid API key' },
    ])
    expect(parser.failed()).toBe(true)
    expect(claudeCode.classifyFailure({ stdoutTail: text, stderrTail: '', exitCode: 1 })).toEqual({
      code: 'model_access_denied',
      message: 'The model provider refused access: Failed to authenticate. API Error: 401 Invalid API key',
    })
  })
})

function events(...lines: object[]): HarnessEvent[] {
  const parser = createClaudeCodeParser()
  return [...lines.flatMap(line => parser.line(JSON.stringify(line))), ...parser.end()]
}

test('a result without a use yields both, a use without a result is closed as failed', () => {
  const result = {
    type: 'tool_result',
    tool_use_id: 't1',
    content: [{ type: 'text', text: 'a' }, { type: 'image' }],
  }
  expect(events({ type: 'user', message: { content: [result] } })).toEqual([
    { kind: 'tool_started', toolCallId: 't1', toolName: 'unknown', input: null },
    { kind: 'tool_finished', toolCallId: 't1', toolName: 'unknown', success: true, output: 'a\n[image]' },
  ])
  const use = { type: 'tool_use', id: 't2', name: 'mcp__docs__find', input: { q: 1 } }
  expect(events({ type: 'assistant', message: { content: [use] } })).toEqual([
    { kind: 'tool_started', toolCallId: 't2', toolName: 'mcp__docs__find', input: { q: 1 } },
    {
      kind: 'tool_finished',
      toolCallId: 't2',
      toolName: 'mcp__docs__find',
      success: false,
      output: expect.any(String),
    },
  ])
})

test('a result other than success fails the run and says why', () => {
  const parser = createClaudeCodeParser()
  const line = { type: 'result', subtype: 'error_max_turns', is_error: false, total_cost_usd: 0.5 }
  expect(parser.line(JSON.stringify(line))).toEqual([{ kind: 'error', message: 'error_max_turns' }])
  expect(parser.failed()).toBe(true)
  expect(parser.usage()).toMatchObject({ inputTokens: null, reportedCostUsd: 0.5 })
})

test('the last result counts, for usage and for failure', () => {
  const parser = createClaudeCodeParser()
  parser.line('{"type":"result","subtype":"error_during_execution","usage":{"input_tokens":1}}')
  parser.line(
    '{"type":"result","subtype":"success","is_error":false,"usage":{"input_tokens":9,"output_tokens":2}}',
  )
  expect(parser.failed()).toBe(false)
  expect(parser.usage()).toMatchObject({ inputTokens: 9, outputTokens: 2, cacheReadInputTokens: null })
})

test('thinking and unknown lines are dropped, plain lines are kept as output', () => {
  const thinking = { type: 'assistant', message: { content: [{ type: 'thinking', thinking: 'hm' }] } }
  expect(events(thinking, { type: 'system', subtype: 'api_retry' }, { type: 'rate_limit_event' })).toEqual([])
  expect(createClaudeCodeParser().line('oops')).toEqual([{ kind: 'output', text: 'oops' }])
})
