/** GitHub as the features of this service use it. */
import type { Log } from '@mogplex/kit/log.ts'
import type { GithubRepo } from './api.ts'
import { type GithubApi, githubApi, type Installation } from './api.ts'
import { createAppJwt } from './app/app-jwt.ts'
import {
  createInstallationTokens,
  type InstallationToken,
  type LostInstallation,
} from './app/installation-tokens.ts'
import { type Credential, createGithubClient, type Pace } from './client/client.ts'
import type { Listing } from './client/pages.ts'
import type { GithubAppSettings, GithubPlace } from './settings.ts'

export interface Github extends Pick<GithubPlace, 'webUrl'> {
  api: Pick<GithubApi, 'orgsOf' | 'isAdminOf' | 'reposOf'>
  /** Null when no App is configured. */
  app: GithubApp | null
}

/** What only the App, or an installation of it, may ask. */
export interface GithubApp {
  installation: (id: number) => Promise<Installation | null>
  installationOn: (login: string) => Promise<Installation | null>
  reposOf: (installationId: number) => Promise<Listing<GithubRepo>>
  /** For one repository alone, good for five minutes at least. */
  tokenForRepo: (installationId: number, githubId: number) => Promise<InstallationToken>
}

export function createGithub(options: {
  place: GithubPlace
  app: GithubAppSettings | null
  maxPages: number
  log: Log
  /** GitHub says that an installation is gone, or suspended. */
  whenLost: (installationId: number, how: LostInstallation) => Promise<void>
  pace?: Pace
}): Github {
  const { place, app, maxPages, log, whenLost } = options
  const client = createGithubClient({
    apiUrl: place.apiUrl,
    log,
    ...(options.pace ? { pace: options.pace } : {}),
  })
  const api = githubApi(client, maxPages)
  if (!app) return { webUrl: place.webUrl, api, app: null }
  const jwt = createAppJwt(app)
  const asApp = async (): Promise<Credential> => ({ token: await jwt(), name: 'app' })
  const { tokenFor } = createInstallationTokens({ client, asApp, whenLost })
  return {
    webUrl: place.webUrl,
    api,
    app: {
      installation: async id => api.installation(id, await asApp()),
      installationOn: async login => api.installationOn(login, await asApp()),
      reposOf: async id => {
        const { token } = await tokenFor(id)
        return api.reposOfInstallation({ token, name: `installation:${id}` })
      },
      tokenForRepo: tokenFor,
    },
  }
}
