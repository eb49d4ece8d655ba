/** What a user has of GitHub, counted (projects spec 5.1, 8). */
import type { Queryable } from '@mogplex/kit/database/connect.ts'
import { and, count, eq, isNull } from 'drizzle-orm'
import { githubInstallations, repos } from '../database/schema.ts'

/** Hidden repos count; suspended installations do not. */
export async function countGithub(database: Queryable, userId: string) {
  const [[rows], [installed]] = await Promise.all([
    database
      .select({ synced: count(), covered: count(repos.githubInstallationId) })
      .from(repos)
      .where(and(eq(repos.userId, userId), eq(repos.provider, 'github'))),
    database
      .select({ active: count() })
      .from(githubInstallations)
      .where(and(eq(githubInstallations.userId, userId), isNull(githubInstallations.suspendedAt))),
  ])
  return {
    installationCount: installed?.active ?? 0,
    syncedRepoCount: rows?.synced ?? 0,
    coveredRepoCount: rows?.covered ?? 0,
  }
}
