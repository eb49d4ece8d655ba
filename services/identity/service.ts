/** Identity: who people are, how they prove it, and what they set for themselves (identity spec). */
import { join } from 'node:path'
import type { ServiceDefinition } from '@mogplex/kit/boot/service.ts'
import { apiKeyAnswers } from './api-keys/answers.ts'
import { apiKeyRoutes } from './api-keys/routes.ts'
import { auditRoutes } from './audit/routes.ts'
import { deadLetters, inbox, outbox } from './database/schema.ts'
import { IdentitySettings } from './environment.ts'
import { modelAnswers } from './models/answers.ts'
import { seedCatalogue } from './models/catalogue.ts'
import { modelRoutes } from './models/routes.ts'
import { providerKeyAnswers } from './provider-keys/answers.ts'
import { providerKeyRoutes } from './provider-keys/routes.ts'
import { sessionAnswers } from './sessions/answers.ts'
import { sessionRoutes } from './sessions/routes.ts'
import { settingsRoutes } from './settings/routes.ts'
import { warmUpPasswords } from './sign-in/password-hash.ts'
import { signInRoutes } from './sign-in/routes.ts'
import { userAnswers } from './users/answers.ts'

export const identityService: ServiceDefinition<typeof IdentitySettings> = {
  name: 'identity',
  settings: IdentitySettings,
  migrations: join(import.meta.dir, 'database/migrations'),
  tables: { outbox, inbox, deadLetters },
  build: async kit => {
    await Promise.all([seedCatalogue(kit.database, new Date()), warmUpPasswords()])
    return {
      features: [
        signInRoutes(kit),
        sessionRoutes(kit),
        apiKeyRoutes(kit),
        providerKeyRoutes(kit),
        settingsRoutes(kit),
        modelRoutes(kit),
        auditRoutes(kit),
      ],
      answers: [
        ...apiKeyAnswers(kit),
        ...sessionAnswers(kit),
        ...userAnswers(kit),
        ...providerKeyAnswers(kit),
        ...modelAnswers(kit),
      ],
    }
  },
}
