/** The calls to GitHub that a sign-in needs (identity spec 3). */
import { Type } from '@sinclair/typebox'
import type { IdentityConfig } from '../environment.ts'
import { askGithub, askGithubAs, UnexpectedStatus } from './ask-github.ts'
import type { GithubPlace } from './settings.ts'

type ClientSettings = Pick<IdentityConfig, 'GITHUB_CLIENT_ID' | 'GITHUB_CLIENT_SECRET'>

/** Whether people can be sent there at all. */
export function isGithubConfigured(settings: ClientSettings): boolean {
  return Boolean(settings.GITHUB_CLIENT_ID && settings.GITHUB_CLIENT_SECRET)
}

/** Who somebody is at GitHub. The numeric id is theirs for good; a login changes hands. */
export interface GithubProfile {
  id: number
  login: string
  name: string | null
  avatarUrl: string | null
}

export interface VerifiedEmails {
  /** The one the user calls the main one. */
  primary: string | null
  all: readonly string[]
}

export interface GithubToken {
  accessToken: string
  scopes: string[]
}

/** GitHub answered, and its answer is no: the code is used up, denied, or not ours. */
export class GithubRefusal extends Error {
  override name = 'GithubRefusal'
}

const TokenAnswer = Type.Object({ access_token: Type.String({ minLength: 1 }), scope: Type.String() })
const RefusalAnswer = Type.Object({ error: Type.String() })
const User = Type.Object({
  id: Type.Integer({ minimum: 1 }),
  login: Type.String({ minLength: 1 }),
  name: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  avatar_url: Type.Optional(Type.Union([Type.String(), Type.Null()])),
})
const Emails = Type.Array(
  Type.Object({ email: Type.String(), primary: Type.Boolean(), verified: Type.Boolean() }),
)

export type GithubClient = ReturnType<typeof createGithubClient>

export function createGithubClient(
  { webUrl, apiUrl }: Pick<GithubPlace, 'webUrl' | 'apiUrl'>,
  { GITHUB_CLIENT_ID: clientId, GITHUB_CLIENT_SECRET: clientSecret }: ClientSettings,
) {
  return {
    /** Where the browser goes to be asked. */
    authorizeUrl: (trip: { state: string; pkceChallenge: string; scopes: string; redirectUri: string }) => {
      const url = new URL(`${webUrl}/login/oauth/authorize`)
      url.search = new URLSearchParams({
        ...{ client_id: clientId ?? '', redirect_uri: trip.redirectUri, scope: trip.scopes },
        ...{ state: trip.state, code_challenge: trip.pkceChallenge, code_challenge_method: 'S256' },
      }).toString()
      return url.href
    },

    /**
     * Throws {@link GithubRefusal} when GitHub says no, other errors when it says nothing of use. `sent` is
     * what the trip was begun with; null for one that GitHub began itself, after an install of the App.
     */
    exchangeCode: async (
      code: string,
      sent: { redirectUri: string; pkceVerifier: string } | null,
    ): Promise<GithubToken> => {
      const body = JSON.stringify({
        ...{ client_id: clientId, client_secret: clientSecret, code },
        ...(sent ? { redirect_uri: sent.redirectUri, code_verifier: sent.pkceVerifier } : {}),
      })
      const headers = { accept: 'application/json', 'content-type': 'application/json' }
      const answer = await askGithub(
        `${webUrl}/login/oauth/access_token`,
        { method: 'POST', headers, body },
        Type.Union([TokenAnswer, RefusalAnswer]),
      )
      // GitHub says so with status 200.
      if ('error' in answer) throw new GithubRefusal('GitHub refused the code')
      return {
        accessToken: answer.access_token,
        scopes: answer.scope.split(/[\s,]+/).filter(scope => scope !== ''),
      }
    },

    fetchProfile: async (token: string): Promise<GithubProfile> => {
      const { id, login, name, avatar_url } = await askGithubAs(token, `${apiUrl}/user`, User)
      return { id, login, name: name ?? null, avatarUrl: avatar_url ?? null }
    },

    /** The addresses GitHub has verified, none when none are to be seen. */
    fetchVerifiedEmails: async ({ accessToken, scopes }: GithubToken): Promise<VerifiedEmails> => {
      const emails = await askGithubAs(accessToken, `${apiUrl}/user/emails`, Emails).catch(cause => {
        if (isHidden(cause) && !scopes.some(scope => EMAIL_SCOPES.has(scope))) return []
        throw cause
      })
      const verified = emails.filter(email => email.verified)
      return {
        primary: verified.find(email => email.primary)?.email ?? null,
        all: verified.map(e => e.email),
      }
    },
  }
}

/** Operators need not ask for them: GITHUB_LOGIN_SCOPES. */
const EMAIL_SCOPES = new Set(['user', 'user:email'])

/** How GitHub answers a token that may not see what it asks for. */
function isHidden(cause: unknown): boolean {
  return cause instanceof UnexpectedStatus && (cause.status === 403 || cause.status === 404)
}
