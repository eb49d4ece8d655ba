import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { createClaudeCodeParser } from './claude-code/parser.ts'
import { createCodexParser } from './codex/parser.ts'
import { createEchoParser } from './echo/parser.ts'

const PARSERS = { codex: createCodexParser, 'claude-code': createClaudeCodeParser, echo: createEchoParser }

/** Lines of the CLIs' vocabulary with anything at all in their fields, besides arbitrary JSON and text. */
const types = [
  'thread.started',
  'item.started',
  'item.completed',
  'turn.completed',
  'turn.failed',
  'error',
  'system',
  'assistant',
  'user',
  'result',
  'tool_started',
  'tool_finished',
  'usage',
]
const parts = [
  'command_execution',
  'file_change',
  'mcp_tool_call',
  'web_search',
  'agent_message',
  'text',
  'tool_use',
  'tool_result',
]
const part = fc.record(
  {
    type: fc.constantFrom(...parts),
    id: fc.oneof(fc.constantFrom('a', 'b'), fc.jsonValue()),
    tool_use_id: fc.oneof(fc.constantFrom('a', 'b'), fc.jsonValue()),
    content: fc.jsonValue(),
    status: fc.oneof(fc.constant('completed'), fc.jsonValue()),
    exit_code: fc.jsonValue(),
    changes: fc.jsonValue(),
    text: fc.jsonValue(),
    error: fc.jsonValue(),
  },
  { requiredKeys: ['type'] },
)
const line = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.json(),
  fc
    .record(
      {
        type: fc.constantFrom(...types),
        id: fc.oneof(fc.constantFrom('a', 'b'), fc.jsonValue()),
        item: fc.oneof(part, fc.jsonValue()),
        message: fc.oneof(fc.record({ content: fc.oneof(fc.array(part), fc.jsonValue()) }), fc.jsonValue()),
        usage: fc.jsonValue(),
        subtype: fc.oneof(fc.constantFrom('success', 'init'), fc.jsonValue()),
        error: fc.jsonValue(),
        errors: fc.jsonValue(),
      },
      { requiredKeys: ['type'] },
    )
    .map(value => JSON.stringify(value)),
)

test.each(Object.entries(PARSERS))(
  '%s: no line throws, and starts and finishes come in pairs',
  (_, createParser) => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 40 }), lines => {
        const parser = createParser()
        const events = [...lines.flatMap(text => parser.line(text)), ...parser.end()]
        const open = new Set<string>()
        for (const event of events) {
          if (event.kind === 'tool_started') {
            expect(open.has(event.toolCallId)).toBe(false)
            open.add(event.toolCallId)
          } else if (event.kind === 'tool_finished') {
            expect(open.delete(event.toolCallId)).toBe(true)
          }
        }
        expect(open.size).toBe(0)
        for (const amount of Object.values(parser.usage())) expect(amount === null || amount >= 0).toBe(true)
        expect(typeof parser.failed()).toBe('boolean')
        expect(typeof parser.ended()).toBe('boolean')
      }),
      { numRuns: 400 },
    )
  },
)

test.each([
  ['codex', createCodexParser],
  ['claude-code', createClaudeCodeParser],
] as const)('%s: the turn is over with the last line, and not before', async (name, createParser) => {
  const transcript = Bun.file(`${import.meta.dir}/${name}/transcripts/shell-and-message.jsonl`)
  const lines = (await transcript.text()).trimEnd().split('\n')
  const parser = createParser()
  const ended = lines.map(each => {
    parser.line(each)
    return parser.ended()
  })
  expect(ended).toEqual(lines.map((_, index) => index === lines.length - 1))
})
