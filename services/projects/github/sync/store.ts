/** The SQL of what a sync keeps. Every statement names the owner. */
import type { Transaction } from '@mogplex/kit/database/connect.ts'
import { and, eq, inArray, sql } from 'drizzle-orm'
import { type Repo, repos } from '../../database/schema.ts'

export function listReposByGithubId(tx: Transaction, userId: string, githubIds: number[]): Promise<Repo[]> {
  return tx
    .select()
    .from(repos)
    .where(and(eq(repos.userId, userId), inArray(repos.githubId, githubIds)))
}

/** The ids of those that were not there; somebody may have imported one of them a moment ago. */
export async function insertMissingRepos(
  tx: Transaction,
  rows: (typeof repos.$inferInsert)[],
): Promise<string[]> {
  const inserted = await tx.insert(repos).values(rows).onConflictDoNothing().returning({ id: repos.id })
  return inserted.map(({ id }) => id)
}

/** False when it is gone. */
export async function updateSyncedRepo(
  tx: Transaction,
  { id, userId }: Repo,
  change: Partial<typeof repos.$inferInsert>,
): Promise<boolean> {
  const updated = await tx
    .update(repos)
    .set({ ...change, updatedAt: sql`now()` })
    .where(and(eq(repos.id, id), eq(repos.userId, userId)))
    .returning({ id: repos.id })
  return updated.length > 0
}

/** Takes the installation's coverage from all its repos of the user but `keptGithubIds`; gives the ids of the others. */
export async function uncoverRepos(
  tx: Transaction,
  userId: string,
  installationId: number,
  keptGithubIds: number[],
): Promise<string[]> {
  const uncovered = await tx
    .update(repos)
    .set({ githubInstallationId: null, updatedAt: sql`now()` })
    .where(
      and(
        eq(repos.userId, userId),
        eq(repos.githubInstallationId, installationId),
        // One parameter, however many there are.
        sql`${repos.githubId} not in (
          select kept::bigint from jsonb_array_elements_text(${JSON.stringify(keptGithubIds)}::jsonb) kept)`,
      ),
    )
    .returning({ id: repos.id })
  return uncovered.map(({ id }) => id)
}
