/**
 * Claiming work (runtime spec 2, 1; spec README, 29): the oldest run that may start gets a lease and a sandbox,
 * in one transaction. One claim wins; runs for one sandbox come one after another, oldest first.
 */
import {
  type Database,
  isDatabaseAway,
  type Queryable,
  type Transaction,
} from '@mogplex/kit/database/connect.ts'
import { newId } from '@mogplex/kit/ids.ts'
import { and, eq, isNull, sql } from 'drizzle-orm'
import { ACTIVE_SANDBOX_STATUSES, type AgentRun, agentRuns, type Sandbox } from '../database/schema.ts'
import { heldBy } from '../runs/transitions.ts'
import { acquireSandbox } from '../sandboxes/lifecycle.ts'

const DATABASE_RETRY_MS = 500

export interface Claim {
  run: AgentRun
  leaseToken: string
  sandbox: Sandbox
}

export interface ClaimOptions {
  provider: string
  maxActivePerUser: number
  leaseSeconds: number
}

/** Null when no run can start now. */
export async function claimNextRun(database: Database, options: ClaimOptions): Promise<Claim | null> {
  return database.transaction(async tx => {
    const candidate = await findCandidate(tx, options.maxActivePerUser)
    if (!candidate) return null
    const sandbox = await acquireSandbox(tx, candidate, options)
    if (!sandbox) return null
    const leaseToken = newId()
    const [run] = await tx
      .update(agentRuns)
      .set({
        leaseToken,
        leaseExpiresAt: sql`now() + make_interval(secs => ${options.leaseSeconds})`,
        sandboxRecordId: sandbox.id,
      })
      .where(eq(agentRuns.id, candidate.id))
      .returning()
    return run ? { run, leaseToken, sandbox } : null
  })
}

async function findCandidate(tx: Transaction, maxActivePerUser: number): Promise<AgentRun | null> {
  const active = sql.join(
    ACTIVE_SANDBOX_STATUSES.map(status => sql`${status}`),
    sql`, `,
  )
  const sameKey = (other: string) => {
    const row = sql.raw(other)
    return sql`${row}.user_id = ${agentRuns.userId} and ${row}.repo_id = ${agentRuns.repoId}
      and ${row}.working_branch = ${agentRuns.workingBranch}
      and coalesce(${row}.root_directory, '') = coalesce(${agentRuns.rootDirectory}, '')`
  }
  const [candidate] = await tx
    .select()
    .from(agentRuns)
    .where(
      and(
        eq(agentRuns.status, 'pending'),
        sql`${agentRuns.controlState} is null`,
        sql`(${agentRuns.leaseToken} is null or ${agentRuns.leaseExpiresAt} < now())`,
        sql`(${agentRuns.notBefore} is null or ${agentRuns.notBefore} <= now())`,
        sql`not exists (select 1 from runtime.agent_runs older where ${sameKey('older')}
          and older.status in ('pending', 'streaming')
          and (older.created_at, older.id) < (${agentRuns.createdAt}, ${agentRuns.id}))`,
        sql`not exists (select 1 from runtime.sandboxes own where ${sameKey('own')} and own.status = 'pausing')`,
        // Users without a free slot are passed over here and checked again, under a lock, by acquireSandbox.
        sql`(exists (select 1 from runtime.sandboxes own where ${sameKey('own')} and own.status in (${active}))
          or (select count(*) from runtime.sandboxes taken where taken.user_id = ${agentRuns.userId}
            and taken.status in (${active})) < ${maxActivePerUser})`,
      ),
    )
    .orderBy(agentRuns.createdAt, agentRuns.id)
    .limit(1)
    .for('update', { skipLocked: true })
  return candidate ?? null
}

/** Gives a run back that could not start yet; it is tried again after `delaySeconds`. False: not ours any more. */
export async function releaseRun(tx: Queryable, claim: Claim, delaySeconds: number): Promise<boolean> {
  const released = await tx
    .update(agentRuns)
    .set({
      leaseToken: null,
      leaseExpiresAt: null,
      notBefore: sql`now() + make_interval(secs => ${delaySeconds})`,
    })
    .where(and(eq(agentRuns.id, claim.run.id), eq(agentRuns.status, 'pending'), heldBy(claim.leaseToken)))
    .returning({ id: agentRuns.id })
  return released.length > 0
}

/**
 * The last look before anything is pushed: the run is still ours, and nobody asked to cancel it. A database
 * that is away is waited for until the work must stop.
 */
export async function mayPush(
  { run, leaseToken }: Claim,
  { database, signal }: { database: Database; signal: AbortSignal },
): Promise<boolean> {
  while (!signal.aborted) {
    try {
      const rows = await database
        .select({ id: agentRuns.id })
        .from(agentRuns)
        .where(and(eq(agentRuns.id, run.id), heldBy(leaseToken), isNull(agentRuns.controlState)))
      return rows.length > 0
    } catch (err) {
      if (!isDatabaseAway(err)) throw err
      await Bun.sleep(DATABASE_RETRY_MS)
    }
  }
  return false
}
