/** A sealed secret in a JSON column and back. */
import type { SealedSecret } from '@mogplex/kit/secrets.ts'
import type { StoredSecret } from './schema.ts'

export function toStored({ ciphertext, nonce, keyVersion }: SealedSecret): StoredSecret {
  return { ciphertext: ciphertext.toString('base64'), nonce: nonce.toString('base64'), keyVersion }
}

export function fromStored({ ciphertext, nonce, keyVersion }: StoredSecret): SealedSecret {
  return { ciphertext: Buffer.from(ciphertext, 'base64'), nonce: Buffer.from(nonce, 'base64'), keyVersion }
}
