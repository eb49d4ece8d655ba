/** Straight at a service, past the gateway: nothing but its assertion counts (issue 3, "It must hold", 4). */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { IDENTITY_HEADER } from '@mogplex/proto/caller.ts'
import { routesOf } from '@mogplex/proto/routes.ts'
import { GATEWAY_ISSUER, SERVICE_NAMES, type ServiceName } from '@mogplex/proto/services.ts'
import { exportJWK, generateKeyPair, importJWK, type JWK, SignJWT, UnsecuredJWT } from 'jose'
import { type Account, OPEN_DOORS, signUpWithToken } from './accounts.ts'
import { type System, startSystem } from './launch.ts'

setDefaultTimeout(120_000)

let system: System
let ada: Account
let gatewayKey: JWK
beforeAll(async () => {
  system = await startSystem({ env: OPEN_DOORS })
  ada = await signUpWithToken(system)
  const keys = JSON.parse(readFileSync(join(system.home, 'keys.json'), 'utf8'))
  gatewayKey = keys.signingKeys.gateway
}, 120_000)
afterAll(() => system.stop())

const nowSeconds = () => Math.floor(Date.now() / 1_000)
const claimsOf = (audience: string) => ({
  ...{ iss: GATEWAY_ISSUER, aud: audience, sub: ada.userId, amr: 'session', scp: ['read', 'write'] },
  ...{ iat: nowSeconds(), exp: nowSeconds() + 60, jti: crypto.randomUUID() },
})
type Claims = ReturnType<typeof claimsOf>

async function sign(claims: Partial<Claims>, jwk: JWK = gatewayKey, alg = 'EdDSA'): Promise<string> {
  const key = alg === 'HS256' ? new TextEncoder().encode(jwk.x) : await importJWK(jwk, 'EdDSA')
  return new SignJWT(claims).setProtectedHeader({ alg, ...(jwk.kid ? { kid: jwk.kid } : {}) }).sign(key)
}

/** By what is wrong with them. */
async function badAssertions(service: ServiceName): Promise<Record<string, string | null>> {
  const claims = claimsOf(service)
  const good = await sign(claims)
  const stranger = await exportJWK((await generateKeyPair('EdDSA', { extractable: true })).privateKey)
  const other = SERVICE_NAMES.find(name => name !== service) ?? ''
  const [head, payload, signature] = good.split('.')
  const changed = Buffer.from(JSON.stringify({ ...claims, sub: crypto.randomUUID() })).toString('base64url')
  return {
    ...{ missing: null, empty: '', 'no token': 'x', 'a bare user id': ada.userId },
    'of an unknown key': await sign(claims, { ...stranger, kid: gatewayKey.kid ?? '' }),
    'of an unknown key id': await sign(claims, { ...gatewayKey, kid: 'another' }),
    'for another service': await sign({ ...claims, aud: other }),
    'of an unknown issuer': await sign({ ...claims, iss: 'somebody' }),
    'of a service, which may not speak for a caller': await sign({ ...claims, iss: other }),
    expired: await sign({ ...claims, iat: nowSeconds() - 120, exp: nowSeconds() - 60 }),
    'without an end': await sign({ ...claims, exp: undefined }),
    'signed with the public key as a secret': await sign(claims, gatewayKey, 'HS256'),
    unsigned: new UnsecuredJWT(claims).encode(),
    'with its signature cut off': `${head}.${payload}.`,
    'with other claims': `${head}.${changed}.${signature}`,
  }
}

function ask(service: ServiceName, method: string, path: string, headers: Record<string, string>) {
  return system.fetchFrom(service, path, { method, headers, redirect: 'manual' })
}

test.each([...SERVICE_NAMES])(
  '%s refuses whatever is no good assertion, on every route: 401',
  async service => {
    const bad = await badAssertions(service)
    for (const { method, path } of routesOf(service)) {
      const real = path.replaceAll(/:\w+/g, crypto.randomUUID())
      for (const [what, assertion] of Object.entries(bad)) {
        const headers = {
          ...(assertion === null ? {} : { [IDENTITY_HEADER]: assertion }),
          'x-user-id': ada.userId,
        }
        const response = await ask(service, method, real, headers)
        await response.arrayBuffer()
        expect([method, path, what, response.status]).toEqual([method, path, what, 401])
      }
    }
  },
)

test('the same assertion without the fault is taken: the refusals were for what they say', async () => {
  const headers = { [IDENTITY_HEADER]: await sign(claimsOf('projects')) }
  expect((await ask('projects', 'GET', '/api/repos', headers)).status).toBe(200)
})
