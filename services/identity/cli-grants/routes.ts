/** Handing a token to a command line by way of the browser (identity spec 10). */
import { ApiError } from '@mogplex/kit/errors.ts'
import { readJsonObject } from '@mogplex/kit/http/json-body.ts'
import { type RequestContext, userIdOf } from '@mogplex/kit/http/request-context.ts'
import { contentSecurityPolicy, pageResponse } from '@mogplex/kit/pages/page.ts'
import type { CliGrant } from '@mogplex/proto/wire/tokens.ts'
import { Elysia } from 'elysia'
import { requesterOf } from '../audit/entry.ts'
import type { User } from '../database/schema.ts'
import type { IdentityKit } from '../environment.ts'
import { findActiveUser } from '../users/store.ts'
import { type Consent, createConsentSigner } from './consent.ts'
import { renderConsent } from './consent-page.ts'
import { approve, deny, refuseForeignConsent } from './grants.ts'
import { readGrantRequest } from './request.ts'

export function cliGrantRoutes({ config, context, database, pokeOutbox }: IdentityKit) {
  const consents = createConsentSigner(config.ASSERTION_SIGNING_KEY)
  const ttlDays = config.CLI_TOKEN_TTL_DAYS

  const readConsent = async (from: RequestContext, request: Request): Promise<Consent> => {
    const consenter = consenterOf(from)
    const { consent } = await readJsonObject(request)
    const read = await consents.verify(consent, new Date())
    refuseForeignConsent(read, consenter)
    return read
  }

  return new Elysia({ name: 'cli-grants' })
    .use(context)
    .get('/cli-auth', async ({ context: from, request }) => {
      const user = await findActiveUser(database, userIdOf(from))
      if (!user) throw new ApiError('UNAUTHORIZED', 'Unauthorized')
      const wanted = readGrantRequest(new URL(request.url).searchParams)
      const consent = await consents.sign(consenterOf(from), wanted, new Date())
      if (prefersJson(request)) return Response.json(presentConsent(consent, wanted, user, ttlDays))
      const page = renderConsent({ consent, request: wanted, user, ttlDays })
      const connectTo = reachable(wanted.callback)
      return pageResponse(page, { headers: { 'content-security-policy': contentSecurityPolicy(connectTo) } })
    })
    .post('/api/auth/cli/approve', async ({ context: from, request }) => {
      const owner = requesterOf(from, request)
      const consent = await readConsent(from, request)
      const key = await approve(database, owner, { consent, ttlDays }, new Date())
      pokeOutbox()
      const { token, prefix, id: keyId, expiresAt } = key
      return {
        token,
        prefix,
        keyId,
        expiresAt,
        callback: consent.callback,
        nonce: consent.nonce,
      } satisfies CliGrant
    })
    .post('/api/auth/cli/deny', async ({ context: from, request }) => {
      const consent = await readConsent(from, request)
      await deny(database, consent, new Date())
      return { ok: true }
    })
}

function consenterOf(from: RequestContext) {
  return { userId: userIdOf(from), sessionId: from.caller.sid ?? null }
}

function prefersJson(request: Request): boolean {
  const accept = request.headers.get('accept') ?? ''
  return accept.includes('application/json') && !accept.includes('text/html')
}

function presentConsent(
  consent: string,
  { callback, name }: ReturnType<typeof readGrantRequest>,
  { id, email }: User,
  expiresInDays: number,
) {
  return { consent, callback, name, scopes: ['read', 'write'], expiresInDays, user: { id, email } }
}

/**
 * The origin the page's script may deliver to. A policy cannot name an address of IPv6, so that there it
 * names the port on any host.
 */
function reachable(callback: string): string[] {
  const { origin, hostname, port } = new URL(callback)
  return hostname === '[::1]' ? [`http://*:${port}`] : [origin]
}
