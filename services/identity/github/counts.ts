/** What projects counts of a user's GitHub side, or last counted when it does not answer (identity spec 4). */
import { githubSummary } from '@mogplex/proto/projects.ts'
import { eq } from 'drizzle-orm'
import { githubCounts } from '../database/schema.ts'
import type { IdentityKit } from '../environment.ts'
import type { GithubCounts } from './user-state.ts'

export interface ReadCounts extends GithubCounts {
  isAppAvailable: boolean
  /** Projects did not answer: these are the last counts known. */
  isDegraded: boolean
}

const NOTHING: GithubCounts = { installations: 0, syncedRepos: 0, coveredRepos: 0 }

export type CountsKit = Pick<IdentityKit, 'ask' | 'config' | 'database' | 'log'>

/** Never throws for projects' sake. */
export async function readCounts(
  { ask, config, database, log }: CountsKit,
  userId: string,
  requestId: string,
  now: Date,
): Promise<ReadCounts> {
  try {
    const summary = await ask(githubSummary, { userId }, { userId, requestId })
    const counts = {
      installations: summary.installationCount,
      syncedRepos: summary.syncedRepoCount,
      coveredRepos: summary.coveredRepoCount,
    }
    await database
      .insert(githubCounts)
      .values({ userId, ...counts, readAt: now })
      .onConflictDoUpdate({ target: githubCounts.userId, set: { ...counts, readAt: now } })
    return { ...counts, isAppAvailable: summary.appAvailable, isDegraded: false }
  } catch (err) {
    log.warn({ event: 'github.counts-unknown', err })
    const [known] = await database.select().from(githubCounts).where(eq(githubCounts.userId, userId))
    // Only projects knows whether the App works; that there is one is set here too.
    const isAppAvailable = config.GITHUB_APP_NAME !== undefined
    return { ...(known ?? NOTHING), isAppAvailable, isDegraded: true }
  }
}
