/** What identity asks about a user's GitHub side (projects spec 5.1, 8). */
import { type Answer, answer } from '@mogplex/kit/bus/answer.ts'
import { githubSummary } from '@mogplex/proto/projects.ts'
import { and, count, eq, sql } from 'drizzle-orm'
import { repos } from '../database/schema.ts'
import type { ProjectsKit } from '../environment.ts'

/**
 * `projects.github.summary`. An instance has no GitHub App yet, so that nothing can be installed, and no repo
 * be covered by what is.
 */
export function githubAnswers({ database }: ProjectsKit): Answer[] {
  return [
    answer(githubSummary, async ({ userId }) => {
      const [row] = await database
        .select({ synced: count() })
        .from(repos)
        .where(and(eq(repos.userId, userId), sql`${repos.provider} = 'github'`))
      return {
        appAvailable: false,
        installationCount: 0,
        syncedRepoCount: row?.synced ?? 0,
        coveredRepoCount: 0,
      }
    }),
  ]
}
