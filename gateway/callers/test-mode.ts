/**
 * Test mode (gateway spec 2, 3): whoever knows `E2E_AUTH_SECRET` is any user, as if signed in at a browser.
 * Off, its headers mean nothing and are dropped with all `x-mogplex-*`, so probing learns nothing.
 */
import { notFound, unavailable } from '@mogplex/kit/errors.ts'
import type { Soon } from '@mogplex/kit/soon.ts'
import { getUser } from '@mogplex/proto/identity.ts'
import type { Exchange } from '../exchange.ts'
import type { CachingAsker } from './cache/caching-asker.ts'
import type { Caller } from './caller.ts'
import { unauthorized } from './resolve.ts'
import { isSecret } from './secret.ts'

const SECRET_HEADER = 'x-mogplex-e2e-auth'
const USER_HEADER = 'x-mogplex-e2e-user-id'

export interface TestMode {
  /**
   * The user the headers name; null when the mode is off or absent. Rejects with 401 for a wrong secret or a user
   * who is not named, unknown or disabled; 503 when identity does not answer.
   */
  resolve: (exchange: Exchange) => Soon<Caller | null>
  /**
   * The caller of a `testonly` route, where the secret is enough; a user who is named must exist all the
   * same. Throws 404 when the mode is off, 401 for anything but the secret, a token beside it included.
   */
  admit: (exchange: Exchange) => Promise<Caller>
}

export interface TestModeOptions {
  /** Null switches the mode off. */
  secret: string | null
  ask: CachingAsker
  /** Counts a bad credential; throws 429 when the address presented too many. */
  countFailure: (exchange: Exchange) => Promise<void>
}

export function createTestMode({ secret, ask, countFailure }: TestModeOptions): TestMode {
  const refuse = async (exchange: Exchange): Promise<never> => {
    await countFailure(exchange)
    throw unauthorized()
  }
  const namedUser = async (exchange: Exchange): Promise<Caller> => {
    const userId = exchange.request.headers.get(USER_HEADER)
    if (userId && (await isActiveUser(userId, exchange, ask))) return { mode: 'test', userId }
    return refuse(exchange)
  }
  return {
    resolve: exchange => {
      const sent = exchange.request.headers.get(SECRET_HEADER)
      if (secret === null || sent === null) return null
      return isSecret(sent, secret) ? namedUser(exchange) : refuse(exchange)
    },
    admit: async exchange => {
      if (secret === null) throw notFound()
      const { headers } = exchange.request
      const sent = headers.get(SECRET_HEADER)
      if (exchange.facts.fields.pat !== null || sent === null) throw unauthorized()
      if (!isSecret(sent, secret)) return refuse(exchange)
      return headers.has(USER_HEADER) ? namedUser(exchange) : { mode: 'test', userId: null }
    },
  }
}

/** Whatever goes wrong with the lookup is our fault, not the caller's: 503, never 401. */
async function isActiveUser(userId: string, { requestId }: Exchange, ask: CachingAsker): Promise<boolean> {
  try {
    const { user } = await ask(getUser, { userId }, { requestId })
    return user !== null && !user.disabled
  } catch (cause) {
    throw unavailable('Authentication is unavailable', { retryAfterSeconds: 60, cause })
  }
}
