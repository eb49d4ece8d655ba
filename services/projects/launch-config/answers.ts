/** What runtime asks before it starts a sandbox (projects spec 4, 8). */
import { type Answer, answer } from '@mogplex/kit/bus/answer.ts'
import { getRepoLaunchConfig } from '@mogplex/proto/projects.ts'
import type { ProjectsKit } from '../environment.ts'
import { openEnvVars } from '../repos/secrets.ts'
import { repoOrNotFound } from '../repos/store.ts'
import { effectiveTimeouts } from './timeouts.ts'

export function launchConfigAnswers({ database, secrets }: ProjectsKit): Answer[] {
  return [
    answer(getRepoLaunchConfig, async ({ userId, repoId }) => {
      const { repo, workspace } = await repoOrNotFound(database, userId, repoId)
      return {
        installCommand: repo.installCommand,
        devCommand: repo.devCommand,
        devPort: repo.devPortAuto ? null : repo.devPort,
        runtime: repo.runtime,
        ...effectiveTimeouts(repo, workspace),
        env: openEnvVars(secrets, repo),
      }
    }),
  ]
}
