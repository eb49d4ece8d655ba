/** What guesses of a password are counted by (gateway spec 6; identity spec 2). */
import type { Asker } from '@mogplex/kit/bus/ask.ts'
import { DEVICE_COOKIE } from '@mogplex/proto/caller.ts'
import { resolveDevice } from '@mogplex/proto/identity.ts'
import type { Caller } from '../callers/caller.ts'
import { readCookie } from '../callers/session.ts'
import type { GuessKey } from './limiter.ts'

/** No cookie of ours is longer. */
const MAX_COOKIE_LENGTH = 1_024

export interface SignInAttempt {
  cookies: string | null
  /** As `signInEmail` reads it; null counts nowhere. */
  email: string | null
  requestId: string
}

/**
 * Strangers share one budget for an address, so that many of them get no further than one. A browser that has
 * signed in as the address before has one of its own, which they cannot use up: they would lock its owner out.
 */
export function createSignInKeys({ ask, isSecure }: { ask: Asker; isSecure: boolean }) {
  const name = `${isSecure ? '__Host-' : ''}${DEVICE_COOKIE}`
  return async ({ cookies, email, requestId }: SignInAttempt): Promise<GuessKey[]> => {
    if (email === null) return []
    const cookie = readCookie(cookies, name)
    const deviceId =
      cookie && cookie.length <= MAX_COOKIE_LENGTH ? await find(cookie, email, requestId) : null
    return [deviceId ? { bucket: 'signInDevice', key: deviceId } : { bucket: 'signInEmail', key: email }]
  }

  async function find(cookie: string, email: string, requestId: string): Promise<string | null> {
    try {
      return (await ask(resolveDevice, { cookie, email }, { requestId })).deviceId
    } catch {
      // Nobody is known while identity does not answer; the sign-in itself will say so.
      return null
    }
  }
}

/**
 * Of a session, so that one that was stolen does not use up the owner's; and of the user, so that many do not add
 * up to more.
 */
export function currentPasswordKeys(caller: Caller): GuessKey[] {
  if (caller.mode !== 'session') return []
  return [
    { bucket: 'passwordSession', key: caller.sessionId },
    { bucket: 'passwordUser', key: caller.userId },
  ]
}
