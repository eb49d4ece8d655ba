/** Projects: imported repositories and the workspaces that group them (projects spec). */
import { join } from 'node:path'
import type { ServiceDefinition } from '@mogplex/kit/boot/service.ts'
import { deadLetters, inbox, outbox } from './database/schema.ts'
import { ProjectsSettings, remoteRules } from './environment.ts'
import { githubAnswers } from './github/answers.ts'
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
  build: kit => {
    // A wrong setting stops the start instead of the first import.
    remoteRules(kit.config)
    return {
      features: [repoRoutes(kit), v1RepoRoutes(kit), workspaceRoutes(kit)],
      answers: [...repoAnswers(kit), ...launchConfigAnswers(kit), ...githubAnswers(kit)],
    }
  },
}
