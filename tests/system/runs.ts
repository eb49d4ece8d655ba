/** Starting, watching and ending runs as a script does. */
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { type Account, call, send } from './accounts.ts'
import type { System } from './launch.ts'

type Place = Pick<System, 'baseUrl'>
type Caller = Pick<Account, 'token'>

/** The run of v1 contract 7.8, as far as tests look at it. */
export interface Run {
  runId: string
  sandboxRecordId: string | null
  sandboxId: string | null
  repoId: string
  status: 'pending' | 'streaming' | 'success' | 'failed' | 'cancelled'
  branch: { base: string; working: string; createBranch: boolean }
  error: string | null
  leftovers?: { runId: string; files: number } | null
  delivery: {
    branch: string
    commit: string | null
    pushed: boolean
    changed: boolean
    changedFiles: number
    skipped?: { path: string; reason: string }[]
  } | null
  usage: { inputTokens: number | null; outputTokens: number | null; costUsd: number | null } | null
  createdAt: string
  updatedAt: string
}

export interface RunEvent {
  id: string
  type: string
  toolName: string | null
  message: string | null
  payload: Record<string, unknown>
  createdAt: string
}

const ENDS = ['success', 'failed', 'cancelled']
const PATH = '/api/v1/mogplex/runs'

/** The prompt of the echo harness that follows these directives. */
export function script(...lines: string[]): string {
  return lines.join('\n')
}

/** `POST /runs` with the echo harness on a new generated branch, unless `fields` says otherwise. */
export async function startRun(
  system: Place,
  { token }: Caller,
  fields: { repoId: string; prompt: string } & Record<string, unknown>,
  key: string = crypto.randomUUID(),
): Promise<Run> {
  const json = { harness: 'echo', createBranch: true, ...fields }
  const headers = { 'idempotency-key': key }
  const answer = await call<{ data: Run }>(system, 'POST', PATH, {
    as: { token },
    json,
    headers,
    expectStatus: 202,
  })
  return answer.body.data
}

export async function getRun(system: Place, { token }: Caller, runId: string): Promise<Run> {
  return (await call<{ data: { run: Run } }>(system, 'GET', `${PATH}/${runId}`, { as: { token } })).body.data
    .run
}

/** `POST /runs/{id}/cancel`; gives the answer's data. */
export async function cancelRun(system: Place, { token }: Caller, runId: string) {
  type Data = { run: Run; status: Run['status']; alreadyTerminal: boolean; outcome: string }
  const path = `${PATH}/${runId}/cancel`
  return (await call<{ data: Data }>(system, 'POST', path, { as: { token } })).body.data
}

/** Every event of the run, oldest first, by its type's v1 name. */
export async function readEvents(system: Place, { token }: Caller, runId: string): Promise<RunEvent[]> {
  type Page = { data: { events: RunEvent[]; hasMore: boolean } }
  const events: RunEvent[] = []
  for (let after = 'start'; ; after = events.at(-1)?.id ?? 'start') {
    const path = `${PATH}/${runId}/events?limit=200&after=${after}`
    const { data } = (await call<Page>(system, 'GET', path, { as: { token } })).body
    events.push(...data.events)
    if (!data.hasMore) return events
  }
}

/** Resolves with the run once it has ended; throws when that takes longer. Outages on the way do not count. */
export async function waitForEnd(
  system: Place,
  caller: Caller,
  runId: string,
  limitMs = 60_000,
): Promise<Run> {
  return waitForRun(system, caller, runId, run => ENDS.includes(run.status), limitMs)
}

/** As {@link waitForEnd}, for any condition on the run. */
export async function waitForRun(
  system: Place,
  { token }: Caller,
  runId: string,
  isAsWanted: (run: Run) => boolean,
  limitMs = 60_000,
): Promise<Run> {
  let last = 'nothing was answered'
  let found: Run | null = null
  await waitUntil(
    async () => {
      const answer = await send(system, 'GET', `${PATH}/${runId}`, { as: { token } }).catch(String)
      if (typeof answer === 'string') return false
      last = await answer.text()
      if (!answer.ok) return false
      const { run } = JSON.parse(last).data as { run: Run }
      if (!isAsWanted(run)) return false
      found = run
      return true
    },
    { limitMs, everyMs: 100 },
  )
  if (!found) throw new Error(`run ${runId} is not as it should be after ${limitMs} ms: ${last}`)
  return found
}

/** Resolves with the event once the run has one that fits; throws when that takes longer. */
export async function waitForEvent(
  system: Place,
  caller: Caller,
  runId: string,
  fits: (event: RunEvent) => boolean,
  limitMs = 30_000,
): Promise<RunEvent> {
  let found: RunEvent | undefined
  await waitUntil(
    async () => {
      found = (await readEvents(system, caller, runId)).find(fits)
      return found !== undefined
    },
    { limitMs, everyMs: 100 },
  )
  if (!found) throw new Error(`run ${runId} has no such event after ${limitMs} ms`)
  return found
}
