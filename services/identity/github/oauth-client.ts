/** The calls to GitHub that a sign-in needs (identity spec 3). What GitHub says is checked, and never passed on. */
import { firstFault, matches } from '@mogplex/kit/validation.ts'
import { type Static, type TSchema, Type } from '@sinclair/typebox'
import type { IdentityConfig } from '../environment.ts'

type GithubSettings = Pick<
  IdentityConfig,
  'GITHUB_CLIENT_ID' | 'GITHUB_CLIENT_SECRET' | 'GITHUB_URL' | 'GITHUB_API_URL'
>

/** Whether people can be sent there at all. */
export function isGithubConfigured(
  settings: Pick<GithubSettings, 'GITHUB_CLIENT_ID' | 'GITHUB_CLIENT_SECRET'>,
): boolean {
  return Boolean(settings.GITHUB_CLIENT_ID && settings.GITHUB_CLIENT_SECRET)
}

/** Who somebody is at GitHub. The numeric id is theirs for good; a login changes hands. */
export interface GithubProfile {
  id: number
  login: string
  name: string | null
  avatarUrl: string | null
}

export interface GithubToken {
  accessToken: string
  scopes: string[]
}

/** GitHub answered, and its answer is no: the code is used up, denied, or not ours. */
export class GithubRefusal extends Error {
  override name = 'GithubRefusal'
}

class UnexpectedStatus extends Error {
  constructor(readonly status: number) {
    super(`GitHub answered ${status}`)
  }
}

const LIMIT_MS = 10_000
const MAX_BYTES = 262_144

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

export function createGithubClient(settings: GithubSettings) {
  const { GITHUB_CLIENT_ID: clientId, GITHUB_CLIENT_SECRET: clientSecret } = settings
  const web = settings.GITHUB_URL.replace(/\/+$/, '')
  const api = settings.GITHUB_API_URL.replace(/\/+$/, '')

  const ask = <Schema extends TSchema>(path: string, token: string, schema: Schema) =>
    askJson(`${api}${path}`, { headers: { ...API_HEADERS, authorization: `Bearer ${token}` } }, schema)

  return {
    /** Where the browser goes to be asked. */
    authorizeUrl: (trip: { state: string; pkceChallenge: string; scopes: string; redirectUri: string }) => {
      const url = new URL(`${web}/login/oauth/authorize`)
      url.search = new URLSearchParams({
        ...{ client_id: clientId ?? '', redirect_uri: trip.redirectUri, scope: trip.scopes },
        ...{ state: trip.state, code_challenge: trip.pkceChallenge, code_challenge_method: 'S256' },
      }).toString()
      return url.href
    },

    /** Throws {@link GithubRefusal} when GitHub says no, other errors when it says nothing of use. */
    exchangeCode: async (code: string, redirectUri: string, pkceVerifier: string): Promise<GithubToken> => {
      const body = JSON.stringify({
        ...{ client_id: clientId, client_secret: clientSecret, code, redirect_uri: redirectUri },
        code_verifier: pkceVerifier,
      })
      const headers = { accept: 'application/json', 'content-type': 'application/json' }
      const answer = await askJson(
        `${web}/login/oauth/access_token`,
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
      const { id, login, name, avatar_url } = await ask('/user', token, User)
      return { id, login, name: name ?? null, avatarUrl: avatar_url ?? null }
    },

    /** The address GitHub has verified and the user calls the main one; null when there is none to be seen. */
    fetchVerifiedEmail: async ({ accessToken, scopes }: GithubToken): Promise<string | null> => {
      const emails = await ask('/user/emails', accessToken, Emails).catch(cause => {
        if (isHidden(cause) && !scopes.some(scope => EMAIL_SCOPES.has(scope))) return []
        throw cause
      })
      return emails.find(({ primary, verified }) => primary && verified)?.email ?? null
    },
  }
}

/** Operators need not ask for them: GITHUB_LOGIN_SCOPES. */
const EMAIL_SCOPES = new Set(['user', 'user:email'])

/** How GitHub answers a token that may not see what it asks for. */
function isHidden(cause: unknown): boolean {
  return cause instanceof UnexpectedStatus && (cause.status === 403 || cause.status === 404)
}

const API_HEADERS = {
  accept: 'application/vnd.github+json',
  'x-github-api-version': '2022-11-28',
  'user-agent': 'mogplex-selfhost',
}

async function askJson<Schema extends TSchema>(
  url: string,
  init: RequestInit,
  schema: Schema,
): Promise<Static<Schema>> {
  // A redirect would carry the token, or the secret, to somebody else.
  const response = await fetch(url, { ...init, redirect: 'manual', signal: AbortSignal.timeout(LIMIT_MS) })
  if (!response.ok) throw new UnexpectedStatus(response.status)
  const answer: unknown = JSON.parse(await readText(response))
  if (!matches(schema, answer)) throw new Error(`GitHub's answer: ${firstFault(schema, answer)}`)
  return answer
}

async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true })
    if (text.length > MAX_BYTES) throw new Error(`GitHub's answer is longer than ${MAX_BYTES} bytes`)
  }
  return text + decoder.decode()
}
