/** Lines that are no JSON become few events, in their place among the others, soon after they were said. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { createEchoParser } from '../harnesses/echo/parser.ts'
import { EventWriter } from './event-writer.ts'
import type { OutputLimits } from './output-budget.ts'
import { type HarnessLimits, runHarness } from './run-harness.ts'
import { log, type SandboxBench, useSandboxBench } from './test-bench.ts'

setDefaultTimeout(120_000)

const SECRETS = ['hunter2hunter2']
let bench: SandboxBench
beforeAll(async () => {
  bench = await useSandboxBench()
})
afterAll(() => bench.close())

interface Stored {
  type: string
  message: string
  payload: { stage?: string; text?: string; truncated?: boolean; original_length?: number }
}

/** Runs an agent that does what the shell script says; gives what is stored of it, then and at the end. */
async function start(script: string, limits: Partial<HarnessLimits & OutputLimits> = {}) {
  const claim = await bench.claimed()
  const lease = bench.hold(claim)
  const budget = { maxBytes: 64 * 1024 * 1024, maxEvents: 50_000, ...limits }
  const { database } = bench
  const options = { lease, secrets: SECRETS, onStored: () => undefined, onTurnEnd: () => undefined }
  const writer = new EventWriter({ ...options, database, log, claim, limits: budget })
  const child = await bench.provider.start(bench.sandboxId, { argv: ['sh', '-c', script], network: 'none' })
  const harness = { timeoutMs: 100_000, idleTimeoutMs: 60_000, ...limits }
  const result = runHarness(child, createEchoParser(), { ...options, writer, limits: harness })
  const stored = async () => [
    ...(await bench.sql<Stored[]>`
      select event_type as type, message, payload from runtime.ai_call_events
      where ai_call_id = ${claim.run.aiCallId} and event_type <> 'started' order by position`),
  ]
  const end = async () => {
    const ended = await result
    lease.end()
    await bench.end(claim)
    return { ...ended, events: await stored(), note: writer.closingNote() }
  }
  return { stored, end }
}

const run = async (script: string, limits: Partial<HarnessLimits & OutputLimits> = {}) =>
  (await start(script, limits)).end()
const textsOf = (events: Stored[]) => events.map(({ payload }) => payload.text)

test.each([
  ['stdout', ''],
  ['stderr', '>&2'],
])('150,000 lines on %s are hundreds of events, without loss and in order', async (_, where) => {
  const { events, note } = await run(`seq 150000 ${where}`)
  expect(events.length).toBeLessThan(999)
  expect(note).toBeNull()
  expect(events.every(({ payload }) => payload.stage === 'output')).toBe(true)
  expect(Math.max(...textsOf(events).map(text => text?.length ?? 0))).toBeLessThanOrEqual(4_000)
  expect(textsOf(events).join('\n')).toBe(Array.from({ length: 150_000 }, (_, at) => at + 1).join('\n'))
})

test('lines stay before and behind what was said between them', async () => {
  const said = (text: string) => `echo '{"type":"assistant","text":"${text}"}'`
  const { events } = await run(`echo a; echo b; ${said('first')}; echo c; ${said('second')}; echo d; echo e`)
  expect(textsOf(events)).toEqual(['a\nb', 'first', 'c', 'second', 'd\ne'])
})

test.each([
  ['stdout', ''],
  ['stderr', '>&2'],
])('a line on %s is there while the agent says nothing more', async (_, where) => {
  const { stored, end } = await start(`echo waiting ${where}; sleep 4`)
  const isThere = async () => textsOf(await stored()).includes('waiting')
  const seen = await Promise.race([
    waitUntil(isThere, { limitMs: 60_000 }),
    end().then(() => 'only at the end'),
  ])
  expect(seen).toBe(true)
})

test('lines that come one by one keep the agent from counting as silent', async () => {
  const { endedBy, events } = await run('for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.5; done', {
    idleTimeoutMs: 2_000,
  })
  expect([endedBy, textsOf(events).join('\n')]).toEqual(['exit', '1\n2\n3\n4\n5\n6\n7\n8'])
})

test('a line that is too long stays alone, is cut and says so', async () => {
  const { events } = await run("echo before; head -c 100000 /dev/zero | tr '\\0' x; echo; echo behind")
  expect(textsOf(events)[0]).toBe('before')
  expect(textsOf(events).at(-1)).toBe('behind')
  const cut = events.filter(({ payload }) => payload.truncated)
  expect(cut.map(({ payload }) => payload.original_length)).toEqual([100_000])
})

test('what is over the limit of a run is dropped and counted', async () => {
  const { events, note } = await run('seq 150000', { maxEvents: 20 })
  expect(events).toHaveLength(21)
  expect(events.at(-1)?.payload.truncated).toBe(true)
  expect(note?.payload.dropped_events).toBeGreaterThan(100)
})

test('a line that is JSON is cleaned by its structure, and secrets are found in any line', async () => {
  const lines = [`["x",{"password":"abc"}]`, `plain ${SECRETS[0]}`, `[{"env":{"A":"b"}}]`, '[no json']
  for (const where of ['', '>&2']) {
    const { events } = await run(`printf '%s\\n' '${lines.join("' '")}' ${where}`)
    expect(textsOf(events).join('\n')).toBe(
      ['["x",{"password":"[redacted]"}]', 'plain [redacted]', '[{"env":"[redacted]"}]', '[no json'].join(
        '\n',
      ),
    )
  }
})

test('the last words a failure is named from are cleaned alike', async () => {
  const { stderrTail } = await run(`echo '{"error":"no","password":"abc"}' >&2; exit 1`)
  expect(stderrTail).toBe('{"error":"no","password":"[redacted]"}\n')
})
