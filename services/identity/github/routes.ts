/** To GitHub and back: signing in, connecting an account, installing the App (identity spec 3). Every answer is a redirect. */
import { redirect } from '@mogplex/kit/http/redirect.ts'
import { Elysia } from 'elysia'
import { requesterOf } from '../audit/entry.ts'
import type { IdentityKit } from '../environment.ts'
import { originOf } from '../sessions/origin.ts'
import { safeNextPath } from '../sign-in/next-path.ts'
import { createArrivals } from './arrivals.ts'
import { createConnectCallback } from './connect-callback.ts'
import { readCounts } from './counts.ts'
import { CONNECT_CALLBACK, createDepartures, LOGIN_CALLBACK } from './departures.ts'
import { GithubFault } from './fault.ts'
import { beginInstall } from './install-state.ts'
import { createGithubClient, isGithubConfigured } from './oauth-client.ts'
import type { GithubPlace } from './settings.ts'
import { signInWithGithub } from './sign-in.ts'
import { CLEARED_SIGN_UP_CODE, readSignUpCode } from './sign-up-code.ts'

export function githubRoutes(kit: IdentityKit, place: GithubPlace) {
  const { config, context, database } = kit
  const client = createGithubClient(place, config)
  const [departures, arrivals] = [createDepartures(kit, client), createArrivals(kit, client)]
  const comeBackConnected = createConnectCallback({ kit, place, departures, arrivals })

  return new Elysia({ name: 'github' })
    .use(context)
    .get('/api/auth/login/github', ({ request }) => {
      const asked = new URL(request.url).searchParams.get('next')
      const next = safeNextPath(asked)
      if (isGithubConfigured(config)) return departures.toSignIn(next)
      const suffix = asked === null ? '' : `&next=${encodeURIComponent(next)}`
      return redirect(`/login?error=github_not_configured${suffix}`)
    })
    .get(LOGIN_CALLBACK, ({ context: { requestId, clientIp, isLocal }, request }) =>
      arrivals.orSayWhy('/login', async () => {
        const trip = await arrivals.comeBack(request, { purposes: ['login'], userId: null })
        const query = new URL(request.url).searchParams
        if (query.has('error')) throw new GithubFault('access_denied')
        const { token, profile } = await arrivals.readCode(query.get('code') ?? '', trip)
        const emails = await client.fetchVerifiedEmails(token).catch(cause => {
          throw new GithubFault('github_user_fetch', cause)
        })
        const proof = { isLocal, code: readSignUpCode(request.headers.get('cookie')) }
        const signIn = { profile, emails, token, proof, origin: originOf(request, clientIp), requestId }
        const session = await signInWithGithub(kit, signIn, new Date())
        return arrivals.arrive(trip.next, proof.code === null ? [session] : [session, CLEARED_SIGN_UP_CODE])
      }),
    )
    .get('/api/auth/github', async ({ context: from, request }) => {
      const { userId, requestId } = requesterOf(from, request)
      const { installUrl } = place
      const now = new Date()
      if (installUrl && (await readCounts(kit, userId, requestId, now)).isAppAvailable) {
        await beginInstall(database, userId, now)
        return departures.toInstall(userId, installUrl)
      }
      if (!isGithubConfigured(config)) return redirect('/?error=github_not_configured')
      return departures.toConnect(userId, null)
    })
    .get(CONNECT_CALLBACK, ({ context: from, request }) =>
      arrivals.orSayWhy('/', () => comeBackConnected(request, requesterOf(from, request))),
    )
}
