/** To GitHub and back: signing in, and connecting an account (identity spec 3). Every answer is a redirect. */
import { Elysia } from 'elysia'
import { requesterOf } from '../audit/entry.ts'
import type { IdentityKit } from '../environment.ts'
import { cookieSite } from '../sessions/cookie.ts'
import { originOf } from '../sessions/origin.ts'
import { safeNextPath } from '../sign-in/next-path.ts'
import { connectGithub } from './connect.ts'
import { GithubFault, type GithubFaultCode } from './fault.ts'
import { createGithubClient, GithubRefusal, isGithubConfigured } from './oauth-client.ts'
import { signInWithGithub } from './sign-in.ts'
import { beginTrip, endTrip, readStateCookie, stateCookie, type Trip } from './state.ts'

const CONNECT_SCOPES = 'repo read:user'
const LOGIN_CALLBACK = '/api/auth/callback/github'
const CONNECT_CALLBACK = '/api/auth/github/callback'

export function githubRoutes(kit: IdentityKit) {
  const { config, context, database, log, pokeOutbox } = kit
  const github = createGithubClient(config)
  const { isSecure } = cookieSite(config.PUBLIC_BASE_URL)
  const callbackUrl = (path: string) => config.PUBLIC_BASE_URL.replace(/\/+$/, '') + path

  const leave = async (trip: Trip, scopes: string, callback: string) => {
    const { state, pkceChallenge } = await beginTrip(database, trip, new Date())
    const redirectUri = callbackUrl(callback)
    return redirect(github.authorizeUrl({ state, pkceChallenge, scopes, redirectUri }), [
      stateCookie(state, isSecure),
    ])
  }

  /** The trip, the token it brought and whose token that is; throws {@link GithubFault}. */
  const arrive = async (request: Request, of: Pick<Trip, 'purpose' | 'userId'>, callback: string) => {
    const query = new URL(request.url).searchParams
    const shown = { state: query.get('state'), cookie: readStateCookie(request.headers.get('cookie')) }
    const trip = await endTrip(database, { ...shown, ...of }, new Date())
    if (!trip) throw new GithubFault('invalid_state')
    if (query.has('installation_id')) refuseInstallation(query.get('installation_id') ?? '')
    const refusal: GithubFaultCode = of.purpose === 'login' ? 'access_denied' : 'github_token_error'
    if (query.has('error')) throw new GithubFault(refusal)
    const token = await github
      .exchangeCode(query.get('code') ?? '', callbackUrl(callback), trip.pkceVerifier)
      .catch(cause => {
        const isRefused = cause instanceof GithubRefusal && of.purpose === 'connect'
        throw new GithubFault(isRefused ? 'github_token_error' : 'github_token_exchange', cause)
      })
    const profile = await github.fetchProfile(token.accessToken).catch(cause => {
      throw new GithubFault('github_user_fetch', cause)
    })
    return { trip, token, profile }
  }

  /** The redirect of a trip that ended well, else the one that says why not. */
  const arriving = async (place: string, work: () => Promise<{ location: string; cookies: string[] }>) => {
    const cleared = stateCookie('', isSecure)
    try {
      const { location, cookies } = await work()
      pokeOutbox()
      return redirect(location, [cleared, ...cookies])
    } catch (error) {
      if (!(error instanceof GithubFault)) throw error
      log.warn({ event: 'github.trip-failed', code: error.code, err: error.cause })
      return redirect(`${place}?error=${error.code}`, [cleared])
    }
  }

  return new Elysia({ name: 'github' })
    .use(context)
    .get('/api/auth/login/github', ({ request }) => {
      const asked = new URL(request.url).searchParams.get('next')
      const next = safeNextPath(asked)
      if (isGithubConfigured(config)) {
        return leave({ purpose: 'login', userId: null, next }, config.GITHUB_LOGIN_SCOPES, LOGIN_CALLBACK)
      }
      const suffix = asked === null ? '' : `&next=${encodeURIComponent(next)}`
      return redirect(`/login?error=github_not_configured${suffix}`)
    })
    .get(LOGIN_CALLBACK, ({ context: { requestId, clientIp }, request }) =>
      arriving('/login', async () => {
        const { trip, token, profile } = await arrive(
          request,
          { purpose: 'login', userId: null },
          LOGIN_CALLBACK,
        )
        const email = await github.fetchVerifiedEmail(token).catch(cause => {
          throw new GithubFault('github_user_fetch', cause)
        })
        const origin = originOf(request, clientIp)
        const signIn = { profile, email, token, origin, requestId }
        return { location: trip.next, cookies: [await signInWithGithub(kit, signIn, new Date())] }
      }),
    )
    .get('/api/auth/github', ({ context: from, request }) => {
      const { userId } = requesterOf(from, request)
      if (!isGithubConfigured(config)) return redirect('/?error=github_not_configured')
      return leave({ purpose: 'connect', userId, next: '/' }, CONNECT_SCOPES, CONNECT_CALLBACK)
    })
    .get(CONNECT_CALLBACK, ({ context: from, request }) =>
      arriving('/', async () => {
        const owner = requesterOf(from, request)
        const of = { purpose: 'connect', userId: owner.userId } as const
        const { token, profile } = await arrive(request, of, CONNECT_CALLBACK)
        await connectGithub(kit, owner, { profile, token }, new Date())
        return { location: '/?github=connected', cookies: [] }
      }),
    )
}

/** No App of GitHub can be installed for this instance, so that nobody's installation is anybody's here. */
function refuseInstallation(id: string): never {
  const isId = /^[1-9]\d{0,15}$/.test(id)
  throw new GithubFault(isId ? 'github_installation_forbidden' : 'github_installation_invalid')
}

function redirect(location: string, cookies: readonly string[] = []): Response {
  const headers = new Headers({ location })
  for (const cookie of cookies) headers.append('set-cookie', cookie)
  return new Response(null, { status: 302, headers })
}
