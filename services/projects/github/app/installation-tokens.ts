/** Tokens of installations: in memory only, one mint in flight for each (projects spec 6.2). */
import { Type } from '@sinclair/typebox'
import { type Credential, type GithubClient, path } from '../client/client.ts'
import { GithubError } from '../client/github-error.ts'
import { singleFlight } from '../single-flight.ts'

export interface InstallationToken {
  token: string
  expiresAt: Date
}

/** What GitHub said of an installation when asked for a token of it. */
export type LostInstallation = 'deleted' | 'suspended'

export interface InstallationTokens {
  /**
   * A token that is good for five minutes at least; with `repositoryId` good for that repository alone. Throws
   * {@link GithubError}, after `whenLost`, when the installation is gone or suspended.
   */
  tokenFor: (installationId: number, repositoryId?: number) => Promise<InstallationToken>
  /** Its tokens are not given out again: GitHub has ended one before its time. */
  forget: (installationId: number) => void
}

const REFRESHED_BEFORE_MS = 5 * 60_000
const Minted = Type.Object({
  token: Type.String({ minLength: 1 }),
  expires_at: Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}T' }),
})

export function createInstallationTokens(options: {
  client: GithubClient
  asApp: () => Promise<Credential>
  whenLost: (installationId: number, how: LostInstallation) => Promise<void>
  now?: () => number
}): InstallationTokens {
  const { client, asApp, whenLost, now = Date.now } = options
  const minted = new Map<string, InstallationToken>()
  const once = singleFlight<InstallationToken>()
  const isFresh = ({ expiresAt }: InstallationToken) => expiresAt.getTime() - now() > REFRESHED_BEFORE_MS

  const forget = (installationId: number) => {
    for (const key of minted.keys()) if (key.startsWith(`${installationId}:`)) minted.delete(key)
  }

  const mint = async (installationId: number, repositoryId?: number): Promise<InstallationToken> => {
    const { token, expires_at } = await client
      .call({
        method: 'POST',
        // One token too many ends by itself; a run that fails for a lost answer is lost.
        isRepeatable: true,
        path: path`/app/installations/${installationId}/access_tokens`,
        ...(repositoryId === undefined ? {} : { body: { repository_ids: [repositoryId] } }),
        credential: await asApp(),
        schema: Minted,
      })
      .catch(async error => {
        const how = lostBy(error)
        if (how === null) throw error
        forget(installationId)
        await whenLost(installationId, how)
        throw error
      })
    return { token, expiresAt: new Date(expires_at) }
  }

  const keep = (key: string, token: InstallationToken) => {
    for (const [other, known] of minted) if (!isFresh(known)) minted.delete(other)
    minted.set(key, token)
    return token
  }

  return {
    forget,
    tokenFor: async (installationId, repositoryId) => {
      const key = `${installationId}:${repositoryId ?? ''}`
      const known = minted.get(key)
      if (known && isFresh(known)) return known
      return once(key, async () => keep(key, await mint(installationId, repositoryId)))
    },
  }
}

function lostBy(error: unknown): LostInstallation | null {
  if (!(error instanceof GithubError)) return null
  if (error.refusal === 'NOT_FOUND') return 'deleted'
  return error.refusal === 'GITHUB_FORBIDDEN' && /suspended/i.test(error.said ?? '') ? 'suspended' : null
}
