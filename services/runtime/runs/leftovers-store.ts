/** The records of what runs left undelivered (spec README, 41), and what a sandbox was used for before. */
import type { Database, Queryable } from '@mogplex/kit/database/connect.ts'
import { newId } from '@mogplex/kit/ids.ts'
import { isMadeBefore, isOlderThan } from '@mogplex/kit/retention/rule.ts'
import { and, desc, eq, isNotNull, ne, sql } from 'drizzle-orm'
import { type AgentRun, agentRuns, type RunLeftovers, runLeftovers } from '../database/schema.ts'
import type { GitHost } from '../git/host-git.ts'
import { forgetLeftovers, type Leftovers } from '../git/leftovers.ts'
import type { SandboxPast } from '../git/sync-checkout.ts'

/** How long leftovers are kept. */
export const LEFTOVERS_KEPT_DAYS = 30

/** Older deliveries are part of newer ones, or of no interest. */
const REMEMBERED_RUNS = 50
/** Of old leftovers in one pass; the next one goes on. */
const AT_ONCE = 20
const MIRROR_LIMIT_MS = 2_000

/** Whose agent was the last in the run's sandbox, and what was delivered from there. */
export async function sandboxPast(database: Queryable, run: AgentRun): Promise<SandboxPast> {
  const { sandboxRecordId, id } = run
  if (!sandboxRecordId) return { leftBy: id, delivered: [] }
  const before = await database
    .select({ id: agentRuns.id, delivery: agentRuns.delivery })
    .from(agentRuns)
    .where(
      and(
        eq(agentRuns.sandboxRecordId, sandboxRecordId),
        ne(agentRuns.id, id),
        isNotNull(agentRuns.streamingAt),
      ),
    )
    .orderBy(desc(agentRuns.createdAt))
    .limit(REMEMBERED_RUNS)
  const delivered = before.flatMap(({ delivery }) =>
    delivery?.pushed && delivery.commit ? [delivery.commit] : [],
  )
  return { leftBy: before[0]?.id ?? id, delivered }
}

/** May be repeated; the last time counts. */
export async function recordLeftovers(
  database: Queryable,
  run: AgentRun,
  { leftBy, commit, from, files, bytes }: Leftovers,
): Promise<void> {
  const found = { runId: leftBy, commit, fromCommit: from, files, bytes }
  await database
    .insert(runLeftovers)
    .values({
      ...found,
      id: newId(),
      foundByRunId: run.id,
      userId: run.userId,
      repoId: run.repoId,
      workingBranch: run.workingBranch,
      rootDirectory: run.rootDirectory,
    })
    .onConflictDoUpdate({ target: runLeftovers.foundByRunId, set: found })
}

/** The newest leftovers of the run's branch and root directory, if any. */
export async function newestLeftovers(database: Queryable, run: AgentRun): Promise<RunLeftovers | null> {
  const [newest] = await database
    .select()
    .from(runLeftovers)
    .where(
      and(
        eq(runLeftovers.userId, run.userId),
        eq(runLeftovers.repoId, run.repoId),
        eq(runLeftovers.workingBranch, run.workingBranch),
        sql`${runLeftovers.rootDirectory} is not distinct from ${run.rootDirectory}`,
      ),
    )
    .orderBy(desc(runLeftovers.createdAt), desc(runLeftovers.id))
    .limit(1)
  return newest ?? null
}

/**
 * One pass: lets go of old leftovers, the mirror's ref first, so that no ref outlives its row. Not a rule of
 * kit/retention, which knows rows only.
 */
export async function forgetOldLeftovers({
  database,
  gitHost,
}: {
  database: Database
  gitHost: GitHost
}): Promise<void> {
  const old = await database
    .select()
    .from(runLeftovers)
    .where(
      and(
        isMadeBefore(runLeftovers.id, LEFTOVERS_KEPT_DAYS),
        isOlderThan(runLeftovers.createdAt, LEFTOVERS_KEPT_DAYS),
      ),
    )
    .orderBy(runLeftovers.id)
    .limit(AT_ONCE)
  for (const { id, repoId, runId: leftBy } of old) {
    const others = await database.$count(
      runLeftovers,
      and(eq(runLeftovers.runId, leftBy), ne(runLeftovers.id, id)),
    )
    if (others === 0) await forgetLeftovers(gitHost, { repoId, leftBy }, AbortSignal.timeout(MIRROR_LIMIT_MS))
    await database.delete(runLeftovers).where(eq(runLeftovers.id, id))
  }
}

/** To be called when the repo's mirror is gone, with all that it kept. */
export async function forgetLeftoversOfRepo(database: Queryable, repoId: string): Promise<void> {
  await database.delete(runLeftovers).where(eq(runLeftovers.repoId, repoId))
}
