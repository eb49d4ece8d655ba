/**
 * Signs `x-mogplex-identity` (design, "Assertion"; gateway spec 9). An assertion is bound to caller and
 * audience, not to a request, so it is signed once and reused until half of its life is over.
 */
import { ASSERTION_LIFETIME_SECONDS, type AssertionClaims } from '@mogplex/proto/caller.ts'
import type { Issuer, ServiceName } from '@mogplex/proto/services.ts'
import { importJWK, type JWK, SignJWT } from 'jose'
import { newId } from '../ids.ts'

/** The caller's part of the claims; the rest is the signer's. */
export type AssertedCaller = Pick<AssertionClaims, 'sub' | 'amr' | 'scp' | 'pat' | 'sid'>

export type AssertionSigner = (audience: ServiceName, caller: AssertedCaller) => Promise<string>

const MAX_CACHED = 10_000

/** `privateKey` is an Ed25519 private JWK with a `kid`. */
export async function createAssertionSigner(issuer: Issuer, privateKey: JWK): Promise<AssertionSigner> {
  if (!privateKey.kid) throw new Error('the signing key has no kid')
  const key = await importJWK(privateKey, 'EdDSA')
  const header = { alg: 'EdDSA', kid: privateKey.kid }
  const cache = new Map<string, { assertion: Promise<string>; reuseUntilMs: number }>()

  return (audience, caller) => {
    const cacheKey = `${audience}|${caller.amr}|${caller.sub}|${caller.pat}|${caller.sid}|${caller.scp.join()}`
    const known = cache.get(cacheKey)
    if (known && performance.now() < known.reuseUntilMs) return known.assertion
    const now = Math.floor(Date.now() / 1000)
    const assertion = new SignJWT({ ...caller })
      .setProtectedHeader(header)
      .setIssuer(issuer)
      .setAudience(audience)
      .setIssuedAt(now)
      .setExpirationTime(now + ASSERTION_LIFETIME_SECONDS)
      .setJti(newId())
      .sign(key)
    // The oldest entry goes first; an evicted caller only costs one more signature.
    if (cache.size >= MAX_CACHED) cache.delete(cache.keys().next().value ?? '')
    cache.delete(cacheKey)
    cache.set(cacheKey, {
      assertion,
      reuseUntilMs: performance.now() + (ASSERTION_LIFETIME_SECONDS * 1000) / 2,
    })
    return assertion
  }
}
