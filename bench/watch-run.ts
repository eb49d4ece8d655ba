/** Starts a run and reads its live stream, as a script that waits for the result does. */
import type { Account } from '../tests/system/accounts.ts'
import type { System } from '../tests/system/launch.ts'
import { getRun, type Run, type RunEvent, startRun } from '../tests/system/runs.ts'
import { epochMs } from './statistics.ts'

export interface SeenEvent extends RunEvent {
  /** When the client had the whole event. */
  seenAtMs: number
}

export interface WatchedRun {
  run: Run
  events: SeenEvent[]
  /** From before `POST /runs` was sent until the terminal event was there. */
  wallMs: number
  startedAtMs: number
}

/** Throws unless the run ends well and, where there was something to push, pushed it. */
export async function runAndWatch(
  system: Pick<System, 'baseUrl'>,
  account: Account,
  fields: { repoId: string; prompt: string } & Record<string, unknown>,
): Promise<WatchedRun> {
  const startedAtMs = epochMs()
  const { runId } = await startRun(system, account, fields)
  const events = await readStream(system, account, runId)
  const run = await getRun(system, account, runId)
  if (run.status !== 'success') throw new Error(`run ${runId} ended as ${run.status}: ${run.error}`)
  return { run, events, startedAtMs, wallMs: (events.at(-1)?.seenAtMs ?? Number.NaN) - startedAtMs }
}

/** Every event up to the terminal one, after which the stream ends. */
async function readStream(
  { baseUrl }: Pick<System, 'baseUrl'>,
  { token }: Account,
  runId: string,
): Promise<SeenEvent[]> {
  const response = await fetch(`${baseUrl}/api/v1/mogplex/runs/${runId}/events`, {
    headers: { accept: 'text/event-stream', authorization: `Bearer ${token}` },
  })
  if (!response.ok || !response.body) throw new Error(`the stream of run ${runId}: ${response.status}`)
  const reader = response.body.getReader()
  const decoder = new TextDecoder()
  const events: SeenEvent[] = []
  let text = ''
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    const seenAtMs = epochMs()
    const blocks = (text + decoder.decode(next.value, { stream: true })).split('\n\n')
    text = blocks.pop() ?? ''
    for (const block of blocks) {
      const data = /^data: (.*)$/m.exec(block)?.[1]
      if (data) events.push({ ...JSON.parse(data), seenAtMs })
    }
  }
  return events
}
