/** What trips of a browser to GitHub have in common: going, coming back, and ending in a redirect (identity spec 3). */
import type { IdentityKit } from '../environment.ts'
import { cookieSite } from '../sessions/cookie.ts'
import { GithubFault } from './fault.ts'
import { createGithubClient, type GithubProfile, GithubRefusal, type GithubToken } from './oauth-client.ts'
import type { GithubPlace } from './settings.ts'
import {
  beginTrip,
  type Destination,
  endTrip,
  type ReturnedTrip,
  readStateCookie,
  stateCookie,
  type Trip,
} from './state.ts'

export const LOGIN_CALLBACK = '/api/auth/callback/github'
export const CONNECT_CALLBACK = '/api/auth/github/callback'

const CONNECT_SCOPES = 'repo read:user'

/** A GitHub account, proven by a token of it. */
export interface GithubAccount {
  profile: GithubProfile
  token: GithubToken
}

export type RoundTrips = ReturnType<typeof createRoundTrips>

export function createRoundTrips(kit: IdentityKit, place: GithubPlace) {
  const { config, database, log, pokeOutbox } = kit
  const client = createGithubClient(place, config)
  const { isSecure } = cookieSite(config.PUBLIC_BASE_URL)
  const here = config.PUBLIC_BASE_URL.replace(/\/+$/, '')
  const cleared = stateCookie('', isSecure)

  const leave = async (trip: Trip, address: (sent: { state: string; pkceChallenge: string }) => string) => {
    const sent = await beginTrip(database, trip, new Date())
    return redirect(address(sent), [stateCookie(sent.state, isSecure)])
  }

  return {
    client,

    toSignIn: (next: string): Promise<Response> =>
      leave({ purpose: 'login', userId: null, next, installationId: null }, sent =>
        client.authorizeUrl({
          ...{ ...sent, scopes: config.GITHUB_LOGIN_SCOPES, redirectUri: here + LOGIN_CALLBACK },
        }),
      ),

    /** For a token of the user's account; `installationId` is what it is wanted for, if anything. */
    toConnect: (userId: string, installationId: number | null): Promise<Response> =>
      leave({ purpose: 'connect', userId, next: '/', installationId }, sent =>
        client.authorizeUrl({ ...sent, scopes: CONNECT_SCOPES, redirectUri: here + CONNECT_CALLBACK }),
      ),

    /** Where one comes back to is not asked for: the App's own settings at GitHub say it. */
    toInstall: (userId: string, installUrl: string): Promise<Response> =>
      leave({ purpose: 'install', userId, next: '/', installationId: null }, ({ state }) => {
        return `${installUrl}?state=${state}`
      }),

    /** Throws {@link GithubFault} `invalid_state`. */
    comeBack: async (request: Request, destination: Destination): Promise<ReturnedTrip> => {
      const state = new URL(request.url).searchParams.get('state')
      const cookie = readStateCookie(request.headers.get('cookie'))
      const trip = await endTrip(database, { state, cookie }, destination, new Date())
      if (!trip) throw new GithubFault('invalid_state')
      return trip
    },

    /** Whose code it is. Throws {@link GithubFault}. */
    readCode: async (code: string, { purpose, pkceVerifier }: ReturnedTrip): Promise<GithubAccount> => {
      const redirectUri = here + (purpose === 'login' ? LOGIN_CALLBACK : CONNECT_CALLBACK)
      const sent = pkceVerifier === null ? null : { redirectUri, pkceVerifier }
      const token = await client.exchangeCode(code, sent).catch(cause => {
        const isRefused = cause instanceof GithubRefusal && purpose !== 'login'
        throw new GithubFault(isRefused ? 'github_token_error' : 'github_token_exchange', cause)
      })
      const profile = await client.fetchProfile(token.accessToken).catch(cause => {
        throw new GithubFault('github_user_fetch', cause)
      })
      return { token, profile }
    },

    /** The end of a trip that went well. */
    arrive: (location: string, cookies: readonly string[] = []): Response =>
      redirect(location, [cleared, ...cookies]),

    /** What `work` ends with, or the redirect to `page` that says why it did not. */
    orSayWhy: async (page: string, work: () => Promise<Response>): Promise<Response> => {
      try {
        const response = await work()
        pokeOutbox()
        return response
      } catch (error) {
        if (!(error instanceof GithubFault)) throw error
        log.warn({ event: 'github.trip-failed', code: error.code, err: error.cause })
        return redirect(`${page}?error=${error.code}`, [cleared])
      }
    },
  }
}

export function redirect(location: string, cookies: readonly string[] = []): Response {
  const headers = new Headers({ location })
  for (const cookie of cookies) headers.append('set-cookie', cookie)
  return new Response(null, { status: 302, headers })
}
