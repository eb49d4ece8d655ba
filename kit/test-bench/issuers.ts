/** Signing keys for every process, made for one test run: what the launcher does for real ones. */
import { GATEWAY_ISSUER, type Issuer, SERVICE_NAMES } from '@mogplex/proto/services.ts'
import { exportJWK, generateKeyPair, type JWK } from 'jose'
import { type AssertionSigner, createAssertionSigner } from '../assertion/signer.ts'

export interface TestIssuers {
  /** The settings by which process `name` knows its own key and everybody's public ones. */
  environmentOf: (name: Issuer) => { ASSERTION_PUBLIC_KEYS: string; ASSERTION_SIGNING_KEY: string }
  /** Signs as any process: the gateway for outside callers, a service for its own questions. */
  signAs: (name: Issuer) => Promise<AssertionSigner>
}

export async function createTestIssuers(): Promise<TestIssuers> {
  const names: Issuer[] = [GATEWAY_ISSUER, ...SERVICE_NAMES]
  const keys = new Map(await Promise.all(names.map(async name => [name, await newKey(name)] as const)))
  const publicKeys = JSON.stringify(
    Object.fromEntries([...keys].map(([name, key]) => [name, [key.publicKey]])),
  )
  const privateKeyOf = (name: Issuer): JWK => {
    const key = keys.get(name)
    if (!key) throw new Error(`no issuer ${name}`)
    return key.privateKey
  }
  return {
    environmentOf: name => ({
      ASSERTION_PUBLIC_KEYS: publicKeys,
      ASSERTION_SIGNING_KEY: JSON.stringify(privateKeyOf(name)),
    }),
    signAs: name => createAssertionSigner(name, privateKeyOf(name)),
  }
}

async function newKey(issuer: Issuer): Promise<{ publicKey: JWK; privateKey: JWK }> {
  const pair = await generateKeyPair('EdDSA', { extractable: true })
  const kid = `${issuer}-test`
  return {
    publicKey: { ...(await exportJWK(pair.publicKey)), kid, alg: 'EdDSA' },
    privateKey: { ...(await exportJWK(pair.privateKey)), kid, alg: 'EdDSA' },
  }
}
