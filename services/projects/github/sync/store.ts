/** The SQL of what a sync keeps. Every statement names the owner. */
import type { Transaction } from '@mogplex/kit/database/connect.ts'
import { and, eq, inArray, sql } from 'drizzle-orm'
import { type Repo, repos } from '../../database/schema.ts'
import type { RowChange } from './changes.ts'

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

/** By id of the row; what a change leaves out is left alone. Gives the ids of those that were still there. */
export async function updateSyncedRepos(
  tx: Transaction,
  userId: string,
  changes: ReadonlyMap<string, Pick<RowChange, 'columns'>>,
): Promise<string[]> {
  if (changes.size === 0) return []
  const rows = [...changes].map(([id, { columns }]) => ({ id, ...columns }))
  const updated = await tx.execute<{ id: string }>(sql`
    update ${repos} r
    set full_name = coalesce(c."fullName", r.full_name),
      default_branch = coalesce(c."defaultBranch", r.default_branch),
      github_installation_id = coalesce(c."githubInstallationId", r.github_installation_id),
      updated_at = now()
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
      as c(id uuid, "fullName" text, "defaultBranch" text, "githubInstallationId" bigint)
    where r.id = c.id and r.user_id = ${userId}
    returning r.id`)
  return updated.map(({ id }) => id)
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
