/**
 * Secrets at rest: AES-256-GCM, a random 96-bit nonce per write, and the place a secret belongs to as
 * additional data, so that a ciphertext copied to another row does not decrypt (identity spec 1).
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { unavailable } from './errors.ts'

const NONCE_BYTES = 12
const TAG_BYTES = 16

/** What a table stores of a secret. `keyVersion` is a short fingerprint of the key it was written with. */
export interface SealedSecret {
  ciphertext: Buffer
  nonce: Buffer
  keyVersion: string
}

export interface SecretBox {
  /** `place` names the row, e.g. `<user id>|provider_keys|openai`. 503 when no key is configured. */
  seal(plaintext: string, place: string): SealedSecret
  /** Throws 503 without a key; an Error when the ciphertext was tampered with, moved or its key is gone. */
  open(sealed: SealedSecret, place: string): string
  /** False when `SECRETS_ENCRYPTION_KEY` is unset: what needs a secret is then 503 (spec README, 15). */
  readonly isConfigured: boolean
}

function parseKey(name: string, text: string): Buffer {
  const key = Buffer.from(text, 'base64')
  if (key.length !== 32) throw new Error(`${name} must be 32 bytes in base64`)
  return key
}

function fingerprint(key: Buffer): string {
  return new Bun.CryptoHasher('sha256').update(key).digest('hex').slice(0, 8)
}

/** Reads with the current or the previous key, writes with the current one. */
export function createSecretBox(keys: {
  current: string | undefined
  previous?: string | undefined
}): SecretBox {
  const current = keys.current ? parseKey('SECRETS_ENCRYPTION_KEY', keys.current) : null
  const previous = keys.previous ? parseKey('SECRETS_ENCRYPTION_KEY_PREVIOUS', keys.previous) : null
  const byVersion = new Map(
    [previous, current].filter(key => key !== null).map(key => [fingerprint(key), key]),
  )
  const missing = () => unavailable('Secrets cannot be used: SECRETS_ENCRYPTION_KEY is not set')

  return {
    isConfigured: current !== null,
    seal(plaintext, place) {
      if (!current) throw missing()
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv('aes-256-gcm', current, nonce).setAAD(Buffer.from(place))
      const ciphertext = Buffer.concat([
        cipher.update(plaintext, 'utf8'),
        cipher.final(),
        cipher.getAuthTag(),
      ])
      return { ciphertext, nonce, keyVersion: fingerprint(current) }
    },
    open({ ciphertext, nonce, keyVersion }, place) {
      if (!current) throw missing()
      const key = byVersion.get(keyVersion)
      if (!key) throw new Error(`no key of version ${keyVersion} is configured`)
      const body = ciphertext.subarray(0, ciphertext.length - TAG_BYTES)
      const decipher = createDecipheriv('aes-256-gcm', key, nonce)
        .setAAD(Buffer.from(place))
        .setAuthTag(ciphertext.subarray(ciphertext.length - TAG_BYTES))
      return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8')
    },
  }
}
