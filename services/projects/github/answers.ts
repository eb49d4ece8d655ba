/** What identity asks about a user's GitHub side (projects spec 5.1, 8). */
import { type Answer, answer } from '@mogplex/kit/bus/answer.ts'
import {
  claimInstallation as claim,
  githubSummary,
  reconcileInstallations as reconcile,
  syncGithubRepos,
} from '@mogplex/proto/projects.ts'
import type { ProjectsKit } from '../environment.ts'
import { GithubError } from './client/github-error.ts'
import { claimInstallation } from './installations/claim.ts'
import type { LookUp } from './installations/reconcile.ts'
import { listActiveInstallations } from './installations/store.ts'
import { countGithub } from './summary.ts'
import { syncOwnRepos } from './sync/sync.ts'
import { findGithubUser } from './user-token.ts'
import { within } from './within.ts'

export function githubAnswers(kit: ProjectsKit, lookUp: LookUp): Answer[] {
  const { database, github, log } = kit
  return [
    answer(githubSummary, async ({ userId }) => ({
      appAvailable: github.app !== null,
      ...(await countGithub(database, userId)),
    })),
    answer(reconcile, async ({ userId }, { requestId }) => {
      if (github.app) {
        const looked = lookUp(github.app, { userId, requestId })
        await within(looked, { late: { isPartial: true }, log })
      }
      return { installationCount: (await listActiveInstallations(database, userId)).length }
    }),
    answer(claim, ({ userId, installationId }, { requestId }) =>
      claimInstallation(kit, { userId, requestId }, installationId),
    ),
    answer(syncGithubRepos, async ({ userId }, { requestId }) => {
      const user = await findGithubUser(kit, userId)
      if (!user) return { isSynced: false }
      try {
        const synced = syncOwnRepos(kit, { userId, requestId }, user).then(() => true)
        return { isSynced: await within(synced, { late: false, log }) }
      } catch (err) {
        if (!(err instanceof GithubError)) throw err
        log.warn({ event: 'github.sync-failed', userId, err })
        return { isSynced: false }
      }
    }),
  ]
}
