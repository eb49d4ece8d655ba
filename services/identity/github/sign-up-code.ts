/**
 * The code of the first sign-up on a trip to GitHub. The login page puts it into a cookie for the way back: in an
 * address it would reach GitHub, logs and other pages.
 */
import { readTripCookie } from './state.ts'

/** Set by `assets/login.js`. */
const NAME = 'mogplex_oauth_signup_code'

/** Makes the browser forget it. */
export const CLEARED_SIGN_UP_CODE = `${NAME}=; SameSite=Lax; Path=/api/auth; Max-Age=0`

/** Null when there is none, or more than one. */
export function readSignUpCode(cookieHeader: string | null): string | null {
  return readTripCookie(cookieHeader, NAME)
}
