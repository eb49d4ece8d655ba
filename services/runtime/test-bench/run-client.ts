/** Starts runs as a client, and shows what is stored of a user. */
import { newId } from '@mogplex/kit/ids.ts'
import type { ServiceClient } from '@mogplex/kit/test-bench/service-client.ts'
import { asc, eq } from 'drizzle-orm'
import { type AgentRun, agentRuns, aiCallEvents, aiCalls, limitEvents, outbox } from '../database/schema.ts'
import type { HttpRuntime } from './http-runtime.ts'

export const RUNS_PATH = '/api/v1/mogplex/runs'

export interface StartAnswer {
  status: number
  retryAfter: string | null
  body: {
    ok: boolean
    data: Record<string, unknown> & { runId: string; replayed: boolean; branch: Record<string, unknown> }
    error: { code: string; message: string }
  }
}

/** `POST /runs` under a key, a fresh one unless given, at a replica, the first one unless given. */
export async function startRunAs(
  runtime: HttpRuntime,
  userId: string,
  json: unknown,
  key: string = newId(),
  call: ServiceClient = runtime.call,
): Promise<StartAnswer> {
  const headers = { 'idempotency-key': key }
  const response = await call('POST', RUNS_PATH, {
    as: { userId, amr: 'pat', keyId: newId() },
    json,
    headers,
  })
  const retryAfter = response.headers.get('retry-after')
  return { status: response.status, retryAfter, body: (await response.json()) as StartAnswer['body'] }
}

/** What follows the runtime in {@link startRunAs}. */
export type RunRequest = [userId: string, json: unknown, key?: string, call?: ServiceClient]

/** Everything stored of a user's runs. */
export async function storedOf({ database }: HttpRuntime, userId: string) {
  return {
    runs: await database.select().from(agentRuns).where(eq(agentRuns.userId, userId)),
    calls: await database.select().from(aiCalls).where(eq(aiCalls.userId, userId)),
    limits: await database.select().from(limitEvents).where(eq(limitEvents.userId, userId)),
    facts: await database.select().from(outbox).where(eq(outbox.userId, userId)),
  }
}

/** What {@link storedOf} shows of somebody who was refused. */
export const NOTHING_STORED = { runs: [], calls: [], limits: [], facts: [] }

/** An accepted run of a fresh user. */
export async function acceptedRun(runtime: HttpRuntime): Promise<AgentRun> {
  const { userId, repoId } = runtime.addUser()
  const { body } = await startRunAs(runtime, userId, { repoId, prompt: 'x' })
  return readRun(runtime, body.data.runId)
}

export async function readRun({ database }: HttpRuntime, runId: string): Promise<AgentRun> {
  const [run] = await database.select().from(agentRuns).where(eq(agentRuns.id, runId))
  if (!run) throw new Error(`no run ${runId}`)
  return run
}

/** The stored types of a run's events, in order. */
export async function eventTypesOf({ database }: HttpRuntime, run: AgentRun): Promise<string[]> {
  const rows = await database
    .select({ eventType: aiCallEvents.eventType })
    .from(aiCallEvents)
    .where(eq(aiCallEvents.aiCallId, run.aiCallId))
    .orderBy(asc(aiCallEvents.position))
  return rows.map(row => row.eventType)
}
