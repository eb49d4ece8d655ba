/**
 * Signs `x-mogplex-identity` (design, "Assertion"; gateway spec 9). An assertion is bound to caller and
 * audience, not to a request, so it is signed once and reused until half of its life is over.
 */
import { ASSERTION_LIFETIME_SECONDS, type AssertionClaims } from '@mogplex/proto/caller.ts'
import type { Issuer, ServiceName } from '@mogplex/proto/services.ts'
import { importJWK, type JWK, SignJWT } from 'jose'
import { newId } from '../ids.ts'
import type { Soon } from '../soon.ts'

/** The caller's part of the claims; the rest is the signer's. */
export type AssertedCaller = Pick<AssertionClaims, 'sub' | 'amr' | 'scp' | 'pat' | 'sid'>

/** What was signed before is there at once, and soonest for the very object of a caller that was given then. */
export type AssertionSigner = (audience: ServiceName, caller: AssertedCaller) => Soon<string>

const MAX_CACHED = 10_000
const REUSE_MS = (ASSERTION_LIFETIME_SECONDS * 1_000) / 2

interface Signed {
  assertion: Soon<string>
  reuseUntilMs: number
}

/** `privateKey` is an Ed25519 private JWK with a `kid`. */
export async function createAssertionSigner(issuer: Issuer, privateKey: JWK): Promise<AssertionSigner> {
  if (!privateKey.kid) throw new Error('the signing key has no kid')
  const key = await importJWK(privateKey, 'EdDSA')
  const header = { alg: 'EdDSA', kid: privateKey.kid }
  const byText = new Map<string, Signed>()
  const byCaller = new WeakMap<AssertedCaller, Map<ServiceName, Signed>>()

  const sign = (audience: ServiceName, caller: AssertedCaller): Signed => {
    const now = Math.floor(Date.now() / 1000)
    const signed: Signed = { assertion: '', reuseUntilMs: performance.now() + REUSE_MS }
    signed.assertion = new SignJWT({ ...caller })
      .setProtectedHeader(header)
      .setIssuer(issuer)
      .setAudience(audience)
      .setIssuedAt(now)
      .setExpirationTime(now + ASSERTION_LIFETIME_SECONDS)
      .setJti(newId())
      .sign(key)
      .then(assertion => {
        signed.assertion = assertion
        return assertion
      })
    return signed
  }

  /** Callers who are alike share one. */
  const signedFor = (audience: ServiceName, caller: AssertedCaller): Signed => {
    const text = `${audience}|${caller.amr}|${caller.sub}|${caller.pat}|${caller.sid}|${caller.scp.join()}`
    const known = byText.get(text)
    if (known && performance.now() < known.reuseUntilMs) return known
    // The oldest goes first; whoever is evicted only costs one more signature.
    if (byText.size >= MAX_CACHED) byText.delete(byText.keys().next().value ?? '')
    byText.delete(text)
    const signed = sign(audience, caller)
    byText.set(text, signed)
    return signed
  }

  return (audience, caller) => {
    let ofCaller = byCaller.get(caller)
    const known = ofCaller?.get(audience)
    if (known && performance.now() < known.reuseUntilMs) return known.assertion
    const signed = signedFor(audience, caller)
    if (!ofCaller) {
      ofCaller = new Map()
      byCaller.set(caller, ofCaller)
    }
    ofCaller.set(audience, signed)
    return signed.assertion
  }
}
