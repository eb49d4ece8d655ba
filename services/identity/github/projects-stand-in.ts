/** What projects says of users' GitHub side, for tests of identity alone: whatever the test wants it to. */
import { type Answer, answer } from '@mogplex/kit/bus/answer.ts'
import { unavailable } from '@mogplex/kit/errors.ts'
import type { ReplyOf } from '@mogplex/proto/contract.ts'
import {
  claimInstallation,
  githubSummary,
  reconcileInstallations,
  syncGithubRepos,
} from '@mogplex/proto/projects.ts'

type Counts = Omit<ReplyOf<typeof githubSummary>, 'appAvailable'>
type Claimed = ReplyOf<typeof claimInstallation>

export function standInForProjects() {
  const counts = new Map<string, Partial<Counts>>()
  /** What was asked, oldest first. */
  const asked: { what: 'claim' | 'reconcile' | 'sync'; userId: string; installationId?: number }[] = []
  const projects = {
    ...{ counts, asked },
    isAppAvailable: true,
    claim: async (): Promise<Claimed> => ({ status: 'bound', isSynced: true }),
    /** The user's installations from now on. */
    reconcile: async (_userId: string): Promise<number> => 0,
    sync: async (): Promise<boolean> => true,
    fails: async (): Promise<never> => {
      throw unavailable('for the test')
    },
    /** How often it was asked about the user. */
    times: (what: 'claim' | 'reconcile' | 'sync', userId: string): number =>
      asked.filter(each => each.what === what && each.userId === userId).length,
  }
  const answers: Answer[] = [
    answer(githubSummary, async ({ userId }) => ({
      appAvailable: projects.isAppAvailable,
      ...{ installationCount: 0, syncedRepoCount: 0, coveredRepoCount: 0 },
      ...counts.get(userId),
    })),
    answer(claimInstallation, ({ userId, installationId }) => {
      asked.push({ what: 'claim', userId, installationId })
      return projects.claim()
    }),
    answer(reconcileInstallations, async ({ userId }) => {
      asked.push({ what: 'reconcile', userId })
      return { installationCount: await projects.reconcile(userId) }
    }),
    answer(syncGithubRepos, async ({ userId }) => {
      asked.push({ what: 'sync', userId })
      return { isSynced: await projects.sync() }
    }),
  ]
  return Object.assign(projects, { answers })
}
