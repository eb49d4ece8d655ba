/** The SQL of syncs that are to be done. */
import type { Database, Transaction } from '@mogplex/kit/database/connect.ts'
import { and, asc, eq, isNull, lte, sql } from 'drizzle-orm'
import { githubInstallations, type SyncJob, syncJobs } from '../../database/schema.ts'
import type { Owner } from '../../environment.ts'

/** Longer than a sync takes. A worker that died leaves its job to another by then. */
const LEASE = sql`now() + interval '5 minutes'`

/** Queues a sync of the user's active installation on the account, where there is one. */
export async function queueSyncOf(tx: Transaction, owner: Owner, accountLogin: string): Promise<void> {
  const found = await tx
    .select({ installationId: githubInstallations.installationId })
    .from(githubInstallations)
    .where(
      and(
        eq(githubInstallations.userId, owner.userId),
        isNull(githubInstallations.suspendedAt),
        sql`lower(${githubInstallations.accountLogin}) = ${accountLogin.toLowerCase()}`,
      ),
    )
  for (const { installationId } of found) {
    await tx
      .insert(syncJobs)
      .values({ ...owner, installationId })
      // One that is being done has read its list before; it is done once more.
      .onConflictDoUpdate({
        target: [syncJobs.userId, syncJobs.installationId],
        set: { dueAt: sql`now()`, attempts: 0 },
      })
  }
}

/** The job that is due the longest, for this worker alone; null when none is. */
export async function takeSyncJob(database: Database): Promise<SyncJob | null> {
  // A subquery might be run anew for each row, and take more than one.
  const due = database
    .$with('due')
    .as(
      database
        .select({ userId: syncJobs.userId, installationId: syncJobs.installationId })
        .from(syncJobs)
        .where(lte(syncJobs.dueAt, sql`now()`))
        .orderBy(asc(syncJobs.dueAt))
        .limit(1)
        .for('update', { skipLocked: true }),
    )
  const [taken] = await database
    .with(due)
    .update(syncJobs)
    .set({ dueAt: LEASE, attempts: sql`${syncJobs.attempts} + 1` })
    .where(sql`(${syncJobs.userId}, ${syncJobs.installationId}) in (select * from ${due})`)
    .returning()
  return taken ?? null
}

/** The job as it was taken: whoever queued it again meanwhile wants it done again. */
function taken(job: SyncJob) {
  return and(
    eq(syncJobs.userId, job.userId),
    eq(syncJobs.installationId, job.installationId),
    eq(syncJobs.dueAt, job.dueAt),
  )
}

export async function endSyncJob(database: Database, job: SyncJob): Promise<void> {
  await database.delete(syncJobs).where(taken(job))
}

export async function delaySyncJob(database: Database, job: SyncJob, seconds: number): Promise<void> {
  await database
    .update(syncJobs)
    .set({ dueAt: sql`now() + make_interval(secs => ${seconds})` })
    .where(taken(job))
}
