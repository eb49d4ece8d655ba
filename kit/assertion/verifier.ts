/** Verifies assertions at a service (gateway spec 9): EdDSA, known issuer and key, own audience, unexpired. */
import { AssertionClaims } from '@mogplex/proto/caller.ts'
import type { Issuer, ServiceName } from '@mogplex/proto/services.ts'
import { createLocalJWKSet, type JSONWebKeySet, type JWK, jwtVerify } from 'jose'
import { ApiError } from '../errors.ts'
import { matches } from '../validation.ts'

/** Public keys by issuer; two per issuer allow rotation. */
export type PublicKeys = Partial<Record<Issuer, JWK[]>>

/** Resolves with the claims, or throws 401 `UNAUTHORIZED`; which check failed is not told. */
export type AssertionVerifier = (assertion: string | null) => Promise<AssertionClaims>

const CLOCK_TOLERANCE_SECONDS = 5
const MAX_REMEMBERED = 10_000

/** `issuers`: whose assertions are accepted here. Verified ones are remembered until they expire. */
export function createAssertionVerifier(options: {
  audience: ServiceName
  issuers: readonly Issuer[]
  publicKeys: PublicKeys
}): AssertionVerifier {
  const keySets = new Map(
    options.issuers.map(issuer => {
      const set: JSONWebKeySet = { keys: options.publicKeys[issuer] ?? [] }
      return [issuer as string, createLocalJWKSet(set)]
    }),
  )
  const remembered = new Map<string, AssertionClaims>()

  return async assertion => {
    if (!assertion) throw unauthorized('no assertion')
    const known = remembered.get(assertion)
    if (known && known.exp + CLOCK_TOLERANCE_SECONDS > Date.now() / 1000) return known
    const claims = await verify(assertion, options.audience, keySets)
    if (remembered.size >= MAX_REMEMBERED) remembered.delete(remembered.keys().next().value ?? '')
    remembered.set(assertion, claims)
    return claims
  }
}

async function verify(
  assertion: string,
  audience: ServiceName,
  keySets: Map<string, ReturnType<typeof createLocalJWKSet>>,
): Promise<AssertionClaims> {
  try {
    const issuer = issuerOf(assertion)
    const keySet = keySets.get(issuer)
    if (!keySet) throw new Error('unknown issuer')
    const { payload } = await jwtVerify(assertion, keySet, {
      algorithms: ['EdDSA'],
      audience,
      issuer,
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      requiredClaims: ['exp', 'iat', 'jti', 'amr', 'scp'],
    })
    if (!matches(AssertionClaims, payload)) throw new Error('claims have another shape')
    return payload
  } catch (cause) {
    throw unauthorized(cause)
  }
}

/** Read before verification, only to choose the key set; `jwtVerify` checks it again. */
function issuerOf(assertion: string): string {
  const [, payload = ''] = assertion.split('.')
  const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'))
  if (typeof claims === 'object' && claims && 'iss' in claims && typeof claims.iss === 'string')
    return claims.iss
  throw new Error('no issuer')
}

function unauthorized(cause: unknown): ApiError {
  return new ApiError('UNAUTHORIZED', 'Unauthorized', { cause })
}
