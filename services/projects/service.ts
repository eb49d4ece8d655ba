/** Projects: imported repositories and the workspaces that group them (projects spec). */
import { join } from 'node:path'
import type { ServiceDefinition } from '@mogplex/kit/boot/service.ts'
import { deadLetters, inbox, outbox } from './database/schema.ts'
import { type ProjectsKit, ProjectsSettings, remoteRules } from './environment.ts'
import { githubAnswers } from './github/answers.ts'
import { createGithub } from './github/github.ts'
import { loseInstallation } from './github/installations/lose.ts'
import { createLookUp } from './github/installations/reconcile.ts'
import { githubRoutes } from './github/routes.ts'
import { readGithubApp, readGithubPlace } from './github/settings.ts'
import { startSyncWorker } from './github/sync-jobs/worker.ts'
import { launchConfigAnswers } from './launch-config/answers.ts'
import { repoAnswers } from './repos/answers.ts'
import { repoRoutes } from './repos/routes.ts'
import { v1RepoRoutes } from './repos/v1-routes.ts'
import { workspaceRoutes } from './workspaces/routes.ts'

export const projectsService: ServiceDefinition<typeof ProjectsSettings> = {
  name: 'projects',
  settings: ProjectsSettings,
  migrations: join(import.meta.dir, 'database/migrations'),
  tables: { outbox, inbox, deadLetters },
  build: async base => {
    const { config, log } = base
    // A wrong setting stops the start instead of the first import.
    remoteRules(config)
    const github = createGithub({
      place: readGithubPlace(config),
      app: await readGithubApp(config, log),
      maxPages: config.GITHUB_SYNC_MAX_PAGES,
      log,
      whenLost: (installationId, how) => loseInstallation(base, installationId, how),
    })
    const syncs = startSyncWorker({ ...base, github })
    const kit: ProjectsKit = { ...base, github, pokeSyncs: syncs.poke }
    const lookUp = createLookUp(kit)
    return {
      features: [repoRoutes(kit), v1RepoRoutes(kit), workspaceRoutes(kit), githubRoutes(kit, lookUp)],
      answers: [...repoAnswers(kit), ...launchConfigAnswers(kit), ...githubAnswers(kit, lookUp)],
      closers: [syncs.stop],
    }
  },
}
