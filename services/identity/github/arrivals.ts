/** Taking a browser in that comes back from GitHub, and sending it where it wanted to go (identity spec 3). */
import { redirect } from '@mogplex/kit/http/redirect.ts'
import type { IdentityKit } from '../environment.ts'
import { cookieSite } from '../sessions/cookie.ts'
import { callbackUrl } from './departures.ts'
import { GithubFault } from './fault.ts'
import { type GithubClient, type GithubProfile, GithubRefusal, type GithubToken } from './oauth-client.ts'
import { type Destination, endTrip, type ReturnedTrip, readStateCookie, stateCookie } from './state.ts'

/** A GitHub account, proven by a token of it. */
export interface GithubAccount {
  profile: GithubProfile
  token: GithubToken
}

export type Arrivals = ReturnType<typeof createArrivals>

export function createArrivals(
  { config, database, log, pokeOutbox }: IdentityKit,
  client: Pick<GithubClient, 'exchangeCode' | 'fetchProfile'>,
) {
  const cleared = stateCookie('', cookieSite(config.PUBLIC_BASE_URL).isSecure)
  return {
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
      const redirectUri = callbackUrl(config, purpose)
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
