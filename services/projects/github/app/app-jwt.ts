/** How the App itself, not one of its installations, speaks to GitHub (projects spec 6.2). */
import type { KeyObject } from 'node:crypto'
import { SignJWT } from 'jose'

const BACKDATED_SECONDS = 60
/** GitHub takes nothing above ten minutes. */
const LIFETIME_SECONDS = 540
const REUSED_SECONDS = 480

/** Gives a JWT that is good for a minute at least. */
export function createAppJwt(
  app: { id: string; key: KeyObject },
  now: () => number = Date.now,
): () => Promise<string> {
  let known: { jwt: Promise<string>; untilSeconds: number } | null = null
  return () => {
    const seconds = Math.floor(now() / 1_000)
    if (known && seconds < known.untilSeconds) return known.jwt
    const jwt = new SignJWT()
      .setProtectedHeader({ alg: 'RS256' })
      .setIssuer(app.id)
      // GitHub's clock may be behind ours.
      .setIssuedAt(seconds - BACKDATED_SECONDS)
      .setExpirationTime(seconds + LIFETIME_SECONDS)
      .sign(app.key)
    known = { jwt, untilSeconds: seconds + REUSED_SECONDS }
    return jwt
  }
}
