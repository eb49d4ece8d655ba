import { beforeAll, expect, test } from 'bun:test'
import { GATEWAY_ISSUER, type Issuer, type ServiceName } from '@mogplex/proto/services.ts'
import { exportJWK, generateKeyPair, importJWK, type JWK, SignJWT } from 'jose'
import { ApiError } from '../errors.ts'
import { createAssertionSigner } from './signer.ts'
import { createAssertionVerifier } from './verifier.ts'

interface Pair {
  privateJwk: JWK
  publicJwk: JWK
}

async function makePair(kid: string): Promise<Pair> {
  const { privateKey, publicKey } = await generateKeyPair('EdDSA', { extractable: true })
  return {
    privateJwk: { ...(await exportJWK(privateKey)), kid },
    publicJwk: { ...(await exportJWK(publicKey)), kid },
  }
}

let gateway: Pair
let stranger: Pair
beforeAll(async () => {
  gateway = await makePair('g1')
  stranger = await makePair('g1')
})

const caller = { sub: 'user-1', amr: 'pat' as const, scp: ['read' as const], pat: 'key-1' }
const verifier = (audience: ServiceName, issuers: Issuer[] = [GATEWAY_ISSUER]) =>
  createAssertionVerifier({ audience, issuers, publicKeys: { [GATEWAY_ISSUER]: [gateway.publicJwk] } })

async function forge(
  claims: Record<string, unknown>,
  options: { key?: JWK; alg?: string } = {},
): Promise<string> {
  const key = await importJWK(options.key ?? gateway.privateJwk, 'EdDSA')
  const now = Math.floor(Date.now() / 1000)
  const all = {
    iss: GATEWAY_ISSUER,
    aud: 'identity',
    iat: now,
    exp: now + 60,
    jti: 'j',
    ...caller,
    ...claims,
  }
  return new SignJWT(all).setProtectedHeader({ alg: options.alg ?? 'EdDSA', kid: 'g1' }).sign(key)
}

async function expectRefused(assertion: string | null): Promise<void> {
  const refusal = await verifier('identity')(assertion).catch((error: unknown) => error)
  expect(refusal).toBeInstanceOf(ApiError)
  expect((refusal as ApiError).status).toBe(401)
  expect((refusal as ApiError).message).toBe('Unauthorized')
}

test('what the gateway signs, the named service accepts, claims and all', async () => {
  const sign = await createAssertionSigner(GATEWAY_ISSUER, gateway.privateJwk)
  const claims = await verifier('identity')(await sign('identity', caller))
  expect(claims).toMatchObject({ ...caller, aud: 'identity', iss: GATEWAY_ISSUER })
  expect(claims.exp - claims.iat).toBe(60)
})

test('an assertion is signed once per caller and audience', async () => {
  const sign = await createAssertionSigner(GATEWAY_ISSUER, gateway.privateJwk)
  expect(await sign('identity', caller)).toBe(await sign('identity', { ...caller }))
  expect(await sign('identity', caller)).not.toBe(await sign('runtime', caller))
  expect(await sign('identity', caller)).not.toBe(await sign('identity', { ...caller, sub: 'user-2' }))
  expect(await sign('identity', caller)).not.toBe(await sign('identity', { ...caller, scp: ['write'] }))
})

test('what was signed is there at once, for the same caller and for others like it', async () => {
  const sign = await createAssertionSigner(GATEWAY_ISSUER, gateway.privateJwk)
  expect(sign('identity', caller)).toBeInstanceOf(Promise)
  const signed = await sign('identity', caller)
  expect(sign('identity', caller)).toBe(signed)
  expect(sign('identity', { ...caller })).toBe(signed)
  expect(sign('runtime', caller)).toBeInstanceOf(Promise)
})

test('401 for a foreign audience, an expired one, a stranger’s key, an unknown issuer, missing claims', async () => {
  await expectRefused(await forge({ aud: 'runtime' }))
  const past = Math.floor(Date.now() / 1000) - 120
  await expectRefused(await forge({ iat: past, exp: past + 60 }))
  await expectRefused(await forge({}, { key: stranger.privateJwk }))
  await expectRefused(await forge({ iss: 'runtime' }))
  await expectRefused(await forge({ scp: undefined }))
  await expectRefused(await forge({ amr: 'root' }))
})

test('401 for no assertion, garbage, alg none and HS256 with the public key as secret', async () => {
  await expectRefused(null)
  await expectRefused('')
  await expectRefused('a.b.c')
  const [, payload] = (await forge({})).split('.')
  const none = Buffer.from('{"alg":"none"}').toString('base64url')
  await expectRefused(`${none}.${payload}.`)
  const secret = new TextEncoder().encode(JSON.stringify(gateway.publicJwk))
  const now = Math.floor(Date.now() / 1000)
  const confused = await new SignJWT({ ...caller, jti: 'j' })
    .setProtectedHeader({ alg: 'HS256', kid: 'g1' })
    .setIssuer(GATEWAY_ISSUER)
    .setAudience('identity')
    .setIssuedAt(now)
    .setExpirationTime(now + 60)
    .sign(secret)
  await expectRefused(confused)
})
