/** Sending a browser to GitHub: to sign in, to connect an account, to install the App (identity spec 3). */
import { redirect } from '@mogplex/kit/http/redirect.ts'
import type { IdentityKit } from '../environment.ts'
import { cookieSite } from '../sessions/cookie.ts'
import type { GithubClient } from './oauth-client.ts'
import { beginTrip, stateCookie, type Trip } from './state.ts'

export const LOGIN_CALLBACK = '/api/auth/callback/github'
export const CONNECT_CALLBACK = '/api/auth/github/callback'

const CONNECT_SCOPES = 'repo read:user'

/** Where an OAuth trip of this purpose comes back to. */
export function callbackUrl(
  config: Pick<IdentityKit['config'], 'PUBLIC_BASE_URL'>,
  purpose: Trip['purpose'],
) {
  const here = config.PUBLIC_BASE_URL.replace(/\/+$/, '')
  return here + (purpose === 'login' ? LOGIN_CALLBACK : CONNECT_CALLBACK)
}

export type Departures = ReturnType<typeof createDepartures>

export function createDepartures(
  { config, database }: Pick<IdentityKit, 'config' | 'database'>,
  client: Pick<GithubClient, 'authorizeUrl'>,
) {
  const { isSecure } = cookieSite(config.PUBLIC_BASE_URL)
  const leave = async (trip: Trip, address: (sent: { state: string; pkceChallenge: string }) => string) => {
    const sent = await beginTrip(database, trip, new Date())
    return redirect(address(sent), [stateCookie(sent.state, isSecure)])
  }
  const leaveToAuthorize = (trip: Trip, scopes: string) => {
    const redirectUri = callbackUrl(config, trip.purpose)
    return leave(trip, sent => client.authorizeUrl({ ...sent, scopes, redirectUri }))
  }
  return {
    toSignIn: (next: string): Promise<Response> =>
      leaveToAuthorize(
        { purpose: 'login', userId: null, next, installationId: null },
        config.GITHUB_LOGIN_SCOPES,
      ),

    /** For a token of the user's account; `installationId` is what it is wanted for, if anything. */
    toConnect: (userId: string, installationId: number | null): Promise<Response> =>
      leaveToAuthorize({ purpose: 'connect', userId, next: '/', installationId }, CONNECT_SCOPES),

    /** Where one comes back to is not asked for: the App's own settings at GitHub say it. */
    toInstall: (userId: string, installUrl: string): Promise<Response> =>
      leave({ purpose: 'install', userId, next: '/', installationId: null }, ({ state }) => {
        return `${installUrl}?state=${state}`
      }),
  }
}
