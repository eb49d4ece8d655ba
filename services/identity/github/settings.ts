/** Which GitHub this instance works with, and as which App (identity spec 3; projects spec 9). */
import { readWebAddress } from '@mogplex/kit/web-address.ts'
import type { IdentityConfig } from '../environment.ts'

/** Addresses without a slash at the end. */
export interface GithubPlace {
  webUrl: string
  apiUrl: string
  /** Where the App is installed; null on an instance that has none. */
  installUrl: string | null
}

type PlaceSettings = Pick<
  IdentityConfig,
  'GITHUB_URL' | 'GITHUB_API_URL' | 'GITHUB_WEB_URL' | 'GITHUB_APP_NAME' | 'NODE_ENV'
>

/** Throws `ConfigError` for what is no address, and where secrets would travel unencrypted. */
export function readGithubPlace(config: PlaceSettings): GithubPlace {
  const isProduction = config.NODE_ENV === 'production'
  const { GITHUB_URL, GITHUB_API_URL, GITHUB_WEB_URL, GITHUB_APP_NAME: app } = config
  const webUrl = readWebAddress('GITHUB_URL', GITHUB_URL, { isProduction })
  const site = GITHUB_WEB_URL ? readWebAddress('GITHUB_WEB_URL', GITHUB_WEB_URL, { isProduction }) : webUrl
  return {
    webUrl,
    apiUrl: readWebAddress('GITHUB_API_URL', GITHUB_API_URL, { isProduction }),
    installUrl: app === undefined ? null : `${site}/apps/${app}/installations/new`,
  }
}
