/** Identity: who people are, how they prove it, and what they set for themselves (identity spec). */
import { join } from 'node:path'
import type { ServiceDefinition } from '@mogplex/kit/boot/service.ts'
import { apiKeyAnswers } from './api-keys/answers.ts'
import { keysPage } from './api-keys/keys-page.ts'
import { apiKeyRoutes } from './api-keys/routes.ts'
import { assetRoutes } from './assets/routes.ts'
import { auditRoutes } from './audit/routes.ts'
import { cliGrantRoutes } from './cli-grants/routes.ts'
import { identityRetention } from './database/retention.ts'
import { deadLetters, inbox, outbox } from './database/schema.ts'
import { deviceAnswers } from './devices/answers.ts'
import { createDeviceCookies } from './devices/device-cookie.ts'
import { type IdentityKit, IdentitySettings } from './environment.ts'
import { createGatewayLeases } from './gateway-leases/gateway-leases.ts'
import { githubAnswers } from './github/answers.ts'
import { githubRoutes } from './github/routes.ts'
import { readGithubPlace } from './github/settings.ts'
import { modelAnswers } from './models/answers.ts'
import { seedCatalogue } from './models/catalogue.ts'
import { modelRoutes } from './models/routes.ts'
import { syncRoutes } from './models/sync/routes.ts'
import { providerKeyAnswers } from './provider-keys/answers.ts'
import { providerKeyRoutes } from './provider-keys/routes.ts'
import { sessionAnswers } from './sessions/answers.ts'
import { cookieSite } from './sessions/cookie.ts'
import { sessionRoutes } from './sessions/routes.ts'
import { settingsRoutes } from './settings/routes.ts'
import { loginPage } from './sign-in/login-page.ts'
import { warmUpPasswords } from './sign-in/password-hash.ts'
import { signInRoutes } from './sign-in/routes.ts'
import { userAnswers } from './users/answers.ts'
import { authUserRoutes } from './users/auth-user.ts'

export const identityService: ServiceDefinition<typeof IdentitySettings> = {
  name: 'identity',
  settings: IdentitySettings,
  migrations: join(import.meta.dir, 'database/migrations'),
  tables: { outbox, inbox, deadLetters },
  build: async base => {
    // A wrong setting stops the start instead of the first sign-in.
    const githubPlace = readGithubPlace(base.config)
    await Promise.all([seedCatalogue(base.database, new Date()), warmUpPasswords()])
    const leases = createGatewayLeases(base)
    const devices = createDeviceCookies(
      base.config.ASSERTION_SIGNING_KEY,
      cookieSite(base.config.PUBLIC_BASE_URL),
    )
    const kit: IdentityKit = { ...base, dropAtGateways: leases.dropAtGateways, devices }
    return {
      features: [
        signInRoutes(kit),
        sessionRoutes(kit),
        apiKeyRoutes(kit),
        providerKeyRoutes(kit),
        settingsRoutes(kit),
        modelRoutes(kit),
        syncRoutes(kit),
        auditRoutes(kit),
        assetRoutes(kit),
        loginPage(kit),
        keysPage(kit),
        cliGrantRoutes(kit),
        githubRoutes(kit, githubPlace),
        authUserRoutes(kit),
      ],
      answers: [
        ...leases.answers,
        ...apiKeyAnswers(kit),
        ...sessionAnswers(kit),
        ...deviceAnswers(kit),
        ...userAnswers(kit),
        ...githubAnswers(kit),
        ...providerKeyAnswers(kit),
        ...modelAnswers(kit),
      ],
      retention: identityRetention(base.config.AUDIT_RETENTION_DAYS),
    }
  },
}
