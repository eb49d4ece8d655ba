/**
 * Event latency: a CLI prints a line → a client of the event stream has it (issue 2, "Measured in bench/").
 * The peer reads the same program's lines from a bare pipe. Both count from the moment `date` says inside the
 * line, so both include what it takes the program to end `date` and print.
 */
import { join } from 'node:path'
import { readLines } from '../services/runtime/harnesses/lines.ts'
import { signUpWithToken } from '../tests/system/accounts.ts'
import type { System } from '../tests/system/launch.ts'
import { makeRepository } from '../tests/system/repositories.ts'
import { script } from '../tests/system/runs.ts'
import { epochMs, quantile } from './statistics.ts'
import { formatTable, ms } from './table.ts'
import { runAndWatch } from './watch-run.ts'

const AGENT = join(import.meta.dir, '../services/runtime/harnesses/echo/agent.mjs')
const LINES = 100
const PAUSE_MS = 30
/** Nanoseconds since 1970. */
const TIME = /\b(\d{19})\b/

export interface LatencyOptions {
  system: System
  rounds: number
}

/** Resolves with the table to print. */
export async function measureEventLatency({ system, rounds }: LatencyOptions): Promise<string> {
  const account = await signUpWithToken(system)
  const { repoId } = await makeRepository(system, account)
  const directives = Array.from({ length: LINES }, () => ['run date +%s%N', `sleep ${PAUSE_MS}`]).flat()
  const prompt = script('sleep 300', ...directives)
  const piped: number[] = []
  const streamed: number[] = []
  for (let round = 1; round <= rounds; round += 1) {
    piped.push(...(await pipeLatencies(prompt)))
    const { events } = await runAndWatch(system, account, { repoId, prompt })
    streamed.push(...events.flatMap(({ payload, seenAtMs }) => latencyOf(JSON.stringify(payload), seenAtMs)))
    console.log(`event latency: round ${round} of ${rounds}`)
  }
  for (const latencies of [piped, streamed])
    if (latencies.length !== rounds * LINES) throw new Error(`${latencies.length} lines have a time`)
  return latencyTable(piped, streamed)
}

async function pipeLatencies(prompt: string): Promise<number[]> {
  const child = Bun.spawn(['node', AGENT], {
    stdin: new TextEncoder().encode(prompt),
    stdout: 'pipe',
    stderr: 'inherit',
  })
  const latencies: number[] = []
  for await (const { text } of readLines(child.stdout)) latencies.push(...latencyOf(text, epochMs()))
  if ((await child.exited) !== 0) throw new Error('the echo agent failed')
  return latencies
}

/** None for a line without a time. */
function latencyOf(line: string, seenAtMs: number): number[] {
  const nanoseconds = TIME.exec(line)?.[1]
  return nanoseconds ? [seenAtMs - Number(BigInt(nanoseconds) / 1_000n) / 1_000] : []
}

function latencyTable(piped: readonly number[], streamed: readonly number[]): string {
  const figures = (values: readonly number[]) => [0.5, 0.99, 1].map(share => ms(quantile(values, share)))
  const added = [0.5, 0.99, 1].map(share => ms(quantile(streamed, share) - quantile(piped, share)))
  const title = `Event latency: CLI prints a line → client has it (ms, ${piped.length} lines, one each ${PAUSE_MS} ms and what date takes)`
  return formatTable(
    title,
    ['', 'p50', 'p99', 'worst'],
    [
      ['bare pipe', ...figures(piped)],
      ['event stream through the gateway', ...figures(streamed)],
      ['more', ...added],
    ],
  )
}
