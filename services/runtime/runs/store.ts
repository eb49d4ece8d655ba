/** Reading runs. A run is always looked up by id and owner (v1 contract 6). */
import type { Queryable } from '@mogplex/kit/database/connect.ts'
import { notFound } from '@mogplex/kit/errors.ts'
import { isUuid } from '@mogplex/kit/validation.ts'
import { and, desc, eq, inArray, sql } from 'drizzle-orm'
import {
  ACTIVE_SANDBOX_STATUSES,
  type AgentRun,
  type AiCall,
  agentRuns,
  aiCalls,
  runLeftovers,
  type Sandbox,
  sandboxes,
} from '../database/schema.ts'

/** A run with what its answer is made of. */
export interface RunView {
  run: AgentRun
  /** Null only when the row is missing, which no code of ours brings about. */
  call: AiCall | null
  /** The provider's handle of the run's sandbox. */
  sandboxId: string | null
  /** What was put aside when it began. */
  leftovers: { runId: string; files: number } | null
}

/** Null when unknown, foreign or malformed. */
export async function findRun(database: Queryable, userId: string, runId: string): Promise<RunView | null> {
  if (!isUuid(runId)) return null
  const [row] = await database
    .select({
      run: agentRuns,
      call: aiCalls,
      sandboxId: sandboxes.sandboxId,
      leftovers: { runId: runLeftovers.runId, files: runLeftovers.files },
    })
    .from(agentRuns)
    .leftJoin(aiCalls, eq(aiCalls.id, agentRuns.aiCallId))
    .leftJoin(sandboxes, eq(sandboxes.id, agentRuns.sandboxRecordId))
    .leftJoin(runLeftovers, eq(runLeftovers.foundByRunId, agentRuns.id))
    .where(and(eq(agentRuns.id, runId), eq(agentRuns.userId, userId)))
  return row ?? null
}

/** Like {@link findRun}, or 404 `Run not found`. */
export async function requireRun(database: Queryable, userId: string, runId: string): Promise<RunView> {
  const view = await findRun(database, userId, runId)
  if (!view) throw notFound('Run not found')
  return view
}

/** The run the user accepted under this key, if any. */
export async function findRunByKey(
  database: Queryable,
  userId: string,
  key: string,
): Promise<{ id: string; requestHash: string } | null> {
  const [row] = await database
    .select({ id: agentRuns.id, requestHash: agentRuns.requestHash })
    .from(agentRuns)
    .where(and(eq(agentRuns.userId, userId), eq(agentRuns.idempotencyKey, key)))
  return row ?? null
}

/** What makes two runs share a sandbox (runtime spec 6.1). */
export type SandboxKey = Pick<Sandbox, 'userId' | 'repoId' | 'workingBranch' | 'rootDirectory'>

/** The newest active sandbox with this key, if any. */
export async function findActiveSandbox(database: Queryable, key: SandboxKey): Promise<Sandbox | null> {
  const [row] = await database
    .select()
    .from(sandboxes)
    .where(
      and(
        eq(sandboxes.userId, key.userId),
        eq(sandboxes.repoId, key.repoId),
        eq(sandboxes.workingBranch, key.workingBranch),
        sql`${sandboxes.rootDirectory} is not distinct from ${key.rootDirectory}`,
        inArray(sandboxes.status, ACTIVE_SANDBOX_STATUSES),
      ),
    )
    .orderBy(desc(sandboxes.lastActiveAt))
    .limit(1)
  return row ?? null
}
