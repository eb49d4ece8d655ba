/** The operator's scheduler: one secret opens the cron routes, no other credential does (gateway spec 3). */
import { badRequest, unavailable } from '@mogplex/kit/errors.ts'
import type { Exchange } from '../exchange.ts'
import { type Caller, CRON } from './caller.ts'
import { isTwoHeaders } from './pat.ts'
import { unauthorized } from './resolve.ts'
import { isSecret } from './secret.ts'

const BEARER = /^bearer +(.+)$/i

/**
 * Resolves for the holder of the secret. Throws 503 for everybody when there is none: such routes are never
 * open by default. Else 401, which counts against the address when something was presented; 400 for two
 * `Authorization` headers.
 */
export type CronGate = (exchange: Exchange) => Promise<Caller>

/** `countFailure` counts a bad credential; throws 429 when the address presented too many. */
export function createCronGate(
  secret: string | null,
  countFailure: (exchange: Exchange) => Promise<void>,
): CronGate {
  return async exchange => {
    if (secret === null) throw unavailable('CRON_SECRET is not set')
    const authorization = exchange.request.headers.get('authorization')
    if (!authorization) throw unauthorized()
    const sent = BEARER.exec(authorization.trim())?.[1]
    if (sent !== undefined && isSecret(sent, secret)) return CRON
    if (isTwoHeaders(authorization)) throw badRequest('Send one Authorization header')
    await countFailure(exchange)
    throw unauthorized()
  }
}
