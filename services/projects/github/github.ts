/** GitHub as the features of this service use it. */
import type { Log } from '@mogplex/kit/log.ts'
import { type GithubApi, type GithubRepo, githubApi, type Installation } from './api.ts'
import { createAppJwt } from './app/app-jwt.ts'
import {
  createInstallationTokens,
  type InstallationToken,
  type LostInstallation,
} from './app/installation-tokens.ts'
import { type Credential, createGithubClient, type GithubClient, type Pace } from './client/client.ts'
import { GithubError } from './client/github-error.ts'
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

/** GitHub says that an installation is gone, or suspended. */
type WhenLost = (installationId: number, how: LostInstallation) => Promise<void>

export function createGithub(options: {
  place: GithubPlace
  app: GithubAppSettings | null
  maxPages: number
  log: Log
  whenLost: WhenLost
  pace?: Pace
}): Github {
  const { place, app, maxPages, log, whenLost, pace } = options
  const client = createGithubClient({ apiUrl: place.apiUrl, log, ...(pace ? { pace } : {}) })
  const api = githubApi(client, maxPages)
  return { webUrl: place.webUrl, api, app: app && createApp(app, { client, api, whenLost }) }
}

function createApp(
  settings: GithubAppSettings,
  { client, api, whenLost }: { client: GithubClient; api: GithubApi; whenLost: WhenLost },
): GithubApp {
  const jwt = createAppJwt(settings)
  const asApp = async (): Promise<Credential> => ({ token: await jwt(), name: 'app' })
  const { tokenFor, forget } = createInstallationTokens({ client, asApp, whenLost })
  const list = async (id: number) => {
    const { token } = await tokenFor(id)
    return api.reposOfInstallation({ token, name: `installation:${id}` })
  }
  return {
    installation: async id => api.installation(id, await asApp()),
    installationOn: async login => api.installationOn(login, await asApp()),
    reposOf: id =>
      list(id).catch(error => {
        const mayBeEnded = error instanceof GithubError && error.refusal === 'GITHUB_FORBIDDEN'
        if (!mayBeEnded) throw error
        // Tokens end with what they are of; asked for a new one, GitHub says what became of it.
        forget(id)
        return list(id)
      }),
    tokenForRepo: tokenFor,
  }
}
