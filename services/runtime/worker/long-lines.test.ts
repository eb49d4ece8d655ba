/** No line of an agent, however long or odd, keeps the rest of the process waiting. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { createClaudeCodeParser } from '../harnesses/claude-code/parser.ts'
import { createCodexParser } from '../harnesses/codex/parser.ts'
import { createEchoParser } from '../harnesses/echo/parser.ts'
import type { HarnessParser } from '../harnesses/harness.ts'
import { EventWriter } from './event-writer.ts'
import { runHarness } from './run-harness.ts'
import { log, type SandboxBench, useSandboxBench } from './test-bench.ts'

setDefaultTimeout(60_000)

/** What is promised, of this thread's own time: others may keep the machine busy. */
const LIMIT_MS = 50
const LINE_LENGTH = 8_000_000
/** More than what is looked at of any event. */
const SLOW_LENGTH = 400_000
const SECRETS = [
  'q1w2e3r4t5y6u7i8o9p0',
  `${'part-of-a-file '.repeat(40)}\n${'another-line-of-it '.repeat(40)}`,
]

let bench: SandboxBench
beforeAll(async () => {
  bench = await useSandboxBench()
})
afterAll(() => bench.close())

const threadCpuMs = () => {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1_000
}

/** The most that this thread did in one turn of the event loop until `work` was done. */
async function longestTurnMs(work: Promise<unknown>): Promise<number> {
  let isDone = false
  const done = work.finally(() => {
    isDone = true
  })
  let longestMs = 0
  for (let lastMs = threadCpuMs(); !isDone; lastMs = threadCpuMs()) {
    await new Promise(resolve => setImmediate(resolve))
    longestMs = Math.max(longestMs, threadCpuMs() - lastMs)
  }
  await done
  return longestMs
}

/** Has an agent print the lines; gives the longest turn, and the events that were stored. */
async function read(parser: HarnessParser, lines: string[]) {
  writeFileSync(bench.fileInCheckout('said'), `${lines.join('\n')}\n`)
  const claim = await bench.claimed()
  const lease = bench.hold(claim)
  const limits = { maxBytes: 64 * 1024 * 1024, maxEvents: 50_000 }
  const { database } = bench
  const options = { lease, secrets: SECRETS, onStored: () => undefined }
  const writer = new EventWriter({ ...options, database, log, claim, limits })
  const child = await bench.provider.start(bench.sandboxId, { argv: ['cat', 'said'], network: 'none' })
  const harness = { timeoutMs: 60_000, idleTimeoutMs: 60_000 }
  const turnMs = await longestTurnMs(
    runHarness(child, parser, { ...options, writer, limits: harness, onTurnEnd: () => undefined }),
  )
  lease.end()
  await bench.end(claim)
  const events = await bench.sql<{ type: string; payload: string }[]>`
    select event_type as type, payload::text as payload from runtime.ai_call_events
    where ai_call_id = ${claim.run.aiCallId} and event_type <> 'started' order by position`
  return { turnMs, events: [...events] }
}

type Cli = [name: string, create: () => HarnessParser, linesOf: (input: unknown, output: string) => unknown[]]

/** How each says one call of a tool. */
const CLAUDE_CODE: Cli = [
  'claude-code',
  createClaudeCodeParser,
  (input, content) => [
    { type: 'assistant', message: { content: [{ type: 'tool_use', id: '1', name: 'Bash', input }] } },
    { type: 'user', message: { content: [{ type: 'tool_result', tool_use_id: '1', content }] } },
  ],
]
const CODEX: Cli = [
  'codex',
  createCodexParser,
  (input, output) => [
    {
      type: 'item.started',
      item: { id: '1', type: 'mcp_tool_call', server: 's', tool: 't', arguments: input },
    },
    {
      type: 'item.completed',
      item: { id: '1', type: 'command_execution', command: 'c', aggregated_output: output },
    },
  ],
]
const ECHO: Cli = [
  'echo',
  createEchoParser,
  (command, output) => [
    { type: 'tool_started', id: '1', command },
    { type: 'tool_finished', id: '1', exitCode: 0, output },
  ],
]
/** What texts are made of that are meant to be slow to search: beginnings of what is looked for, without its end. */
const SLOW_PARTS = [
  'Bearer ',
  'sk-',
  'ask-a',
  'mog_',
  'x-access-token:',
  'AKIAABCDEFGHIJKLMNOPghp_a',
  '-----BEGIN ',
  '\\u00',
  '[{"a":"',
  ...SECRETS.map(secret => secret.slice(0, 17)),
]
const filled = (part: string, length: number) => part.repeat(Math.ceil(length / part.length))

const isCut = ({ payload }: { payload: string }) => payload.includes('"truncated":true')

async function readTool([, create, linesOf]: Cli, text: string) {
  const inputs = Array.from({ length: 200 }, () => text.slice(0, text.length / 200))
  const lines = linesOf(inputs, text).map(line => JSON.stringify(line))
  const { turnMs, events } = await read(create(), lines)
  expect(events.map(({ type }) => type)).toEqual(['tool_started', 'tool_finished'])
  expect(events.filter(isCut).map(({ type }) => type)).toContain('tool_finished')
  return { turnMs, lineLength: lines[1]?.length }
}

// JSON writes the character as six.
const LONG_LINES: [part: string, cli: Cli][] = [
  ['x', ECHO],
  ['x', CODEX],
  ['x', CLAUDE_CODE],
  ['\u0001', CLAUDE_CODE],
]
for (const [part, cli] of LONG_LINES) {
  test(`a line of ${cli[0]} with 8 MB of ${JSON.stringify(part)} holds up nobody`, async () => {
    const text = filled(part, LINE_LENGTH / (JSON.stringify(part).length - 2))
    const { turnMs, lineLength } = await readTool(cli, text)
    expect(lineLength).toBeGreaterThan(LINE_LENGTH)
    expect(turnMs).toBeLessThan(LIMIT_MS)
  })
}

test.each(SLOW_PARTS)('nor does a tool that says nothing but %j', async part => {
  const { turnMs } = await readTool(CLAUDE_CODE, filled(part, SLOW_LENGTH))
  expect(turnMs).toBeLessThan(LIMIT_MS)
})

test('nor do such texts that are no JSON, and one of 8 MB', async () => {
  const lines = [filled('x', LINE_LENGTH), ...SLOW_PARTS.map(part => filled(part, SLOW_LENGTH))]
  const { turnMs, events } = await read(createEchoParser(), lines)
  expect(events.some(isCut)).toBe(true)
  expect(turnMs).toBeLessThan(LIMIT_MS)
})
