/** Which GitHub this instance works with, and as which App (projects spec 6.2, 6.4, 9). */
import type { KeyObject } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { ConfigError } from '@mogplex/kit/config.ts'
import type { Log } from '@mogplex/kit/log.ts'
import { type Static, Type } from '@sinclair/typebox'
import { parsePrivateKey } from './app/private-key.ts'

const webAddress = (description: string) =>
  Type.Optional(Type.String({ pattern: '^https?://[^?#]+$', description }))

export const GithubSettings = Type.Object({
  GITHUB_API_URL: Type.String({ pattern: '^https?://[^?#]+$', default: 'https://api.github.com' }),
  GITHUB_URL: webAddress('where people, and git, find GitHub'),
  GITHUB_WEB_URL: webAddress('the same, for this service alone'),
  GITHUB_APP_ID: Type.Optional(Type.String({ description: "the GitHub App's id" })),
  GITHUB_APP_NAME: Type.Optional(Type.String({ description: "the GitHub App's name, as in its address" })),
  GITHUB_APP_PRIVATE_KEY: Type.Optional(Type.String({ description: 'PEM; line ends may be \\n' })),
  GITHUB_APP_PRIVATE_KEY_FILE: Type.Optional(Type.String({ description: 'a file with the same' })),
  GITHUB_SYNC_MAX_PAGES: Type.Integer({
    ...{ default: 10, minimum: 1, maximum: 100 },
    description: 'how many pages of a hundred repositories a sync reads',
  }),
})
type GithubConfig = Static<typeof GithubSettings>

export interface GithubAppSettings {
  id: string
  name: string
  key: KeyObject
}

/** Addresses without a slash at the end. */
export interface GithubPlace {
  apiUrl: string
  webUrl: string
}

/** Throws {@link ConfigError} where tokens would travel unencrypted. */
export function readGithubPlace(config: GithubConfig & { NODE_ENV: string }): GithubPlace {
  const isProduction = config.NODE_ENV === 'production'
  const web = config.GITHUB_WEB_URL ?? config.GITHUB_URL ?? 'https://github.com'
  return {
    apiUrl: readAddress('GITHUB_API_URL', config.GITHUB_API_URL, isProduction),
    webUrl: readAddress('GITHUB_WEB_URL', web, isProduction),
  }
}

function readAddress(setting: string, written: string, isProduction: boolean): string {
  const url = URL.parse(written)
  if (!url) throw new ConfigError(`${setting}: is not a valid address`)
  // Parts of it are shown to people.
  if (url.username || url.password) throw new ConfigError(`${setting}: must not contain a user or password`)
  if (url.protocol === 'http:' && isProduction && !isLoopback(url.hostname))
    throw new ConfigError(`${setting}: must be https:// in production`)
  return written.replace(/\/+$/, '')
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname)
}

/** Null when no App is configured. One that is half configured, or whose key cannot be read, is logged and none. */
export async function readGithubApp(config: GithubConfig, log: Log): Promise<GithubAppSettings | null> {
  const { GITHUB_APP_ID: id, GITHUB_APP_NAME: name } = config
  const hasKey = config.GITHUB_APP_PRIVATE_KEY ?? config.GITHUB_APP_PRIVATE_KEY_FILE
  if (!id && !name && !hasKey) return null
  if (!id || !name || !hasKey) {
    const message = 'GITHUB_APP_ID, GITHUB_APP_NAME and GITHUB_APP_PRIVATE_KEY make a GitHub App together'
    log.error({ event: 'github.app-incomplete', message })
    return null
  }
  try {
    const text = config.GITHUB_APP_PRIVATE_KEY ?? (await readFile(hasKey, 'utf8'))
    return { id, name, key: parsePrivateKey(text) }
  } catch (err) {
    log.error({ event: 'github.app-key-unreadable', message: 'there is no GitHub App without it', err })
    return null
  }
}
