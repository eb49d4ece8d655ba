/** A CLI that ends well without a turn of its model did nothing, and its run is no success. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { claudeCode } from '../harnesses/claude-code/claude-code.ts'
import { codex } from '../harnesses/codex/codex.ts'
import { echo } from '../harnesses/echo/echo.ts'
import { EventWriter } from './event-writer.ts'
import { missingAnswer } from './no-answer.ts'
import { runHarness } from './run-harness.ts'
import { log, type SandboxBench, useSandboxBench } from './test-bench.ts'

setDefaultTimeout(60_000)

let bench: SandboxBench
beforeAll(async () => {
  bench = await useSandboxBench()
})
afterAll(() => bench.close())

const recorded = (harness: string, name: string) =>
  Bun.file(`${import.meta.dir}/../harnesses/${harness}/transcripts/${name}.jsonl`).text()
const line = (value: unknown) => `${JSON.stringify(value)}\n`

const cases = [
  [
    'claude that took the prompt for a command',
    claudeCode,
    () => recorded('claude-code', 'own-command'),
    false,
  ],
  ['claude that worked', claudeCode, () => recorded('claude-code', 'shell-and-message'), true],
  ['claude that said nothing', claudeCode, () => '', false],
  ['codex that worked', codex, () => recorded('codex', 'shell-and-message'), true],
  ['codex without a turn', codex, () => line({ type: 'thread.started', thread_id: 'x' }), false],
  [
    'codex whose turn was thought only',
    codex,
    () => line({ type: 'turn.completed', usage: { input_tokens: 9, output_tokens: 3 } }),
    true,
  ],
  [
    'codex whose turn was empty',
    codex,
    () => line({ type: 'turn.completed', usage: { input_tokens: 0, output_tokens: 0 } }),
    false,
  ],
  ['echo, which has no model', echo, () => '', true],
] as const

test.each(cases)('%s', async (_, harness, output, isSuccess) => {
  await Bun.write(bench.fileInCheckout('said'), await output())
  const claim = await bench.claimed()
  const lease = bench.hold(claim)
  const options = { lease, secrets: [], onStored: () => undefined, onTurnEnd: () => undefined }
  const limits = { maxBytes: 1024 * 1024, maxEvents: 1_000 }
  const writer = new EventWriter({ ...options, database: bench.database, log, claim, limits })
  const child = await bench.provider.start(bench.sandboxId, { argv: ['cat', 'said'], network: 'none' })
  const times = { timeoutMs: 30_000, idleTimeoutMs: 30_000 }
  const result = await runHarness(child, harness.createParser(), { ...options, writer, limits: times })
  lease.end()
  await bench.end(claim)
  expect([result.exitCode, result.saidFailed]).toEqual([0, false])
  expect(missingAnswer(result, harness)).toEqual(
    isSuccess
      ? null
      : { code: 'command_failed', message: expect.stringContaining('without a single answer') },
  )
})
