import { expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { ApiError } from './errors.ts'
import { createSecretBox } from './secrets.ts'

const key = () => randomBytes(32).toString('base64')

test('a sealed secret opens at its own place only', () => {
  const box = createSecretBox({ current: key() })
  const sealed = box.seal('sk-secret', 'user-1|provider_keys|openai')
  expect(sealed.ciphertext.includes('sk-secret')).toBe(false)
  expect(box.open(sealed, 'user-1|provider_keys|openai')).toBe('sk-secret')
  expect(() => box.open(sealed, 'user-2|provider_keys|openai')).toThrow()
})

test('the same secret is sealed differently every time', () => {
  const box = createSecretBox({ current: key() })
  expect(box.seal('same', 'p').ciphertext.equals(box.seal('same', 'p').ciphertext)).toBe(false)
})

test('a tampered ciphertext does not open', () => {
  const box = createSecretBox({ current: key() })
  const sealed = box.seal('secret', 'p')
  sealed.ciphertext.writeUInt8(sealed.ciphertext.readUInt8(0) ^ 1, 0)
  expect(() => box.open(sealed, 'p')).toThrow()
})

test('after a rotation the old secrets open and new ones use the new key', () => {
  const [before, after] = [key(), key()]
  const old = createSecretBox({ current: before }).seal('secret', 'p')
  const rotated = createSecretBox({ current: after, previous: before })
  expect(rotated.open(old, 'p')).toBe('secret')
  expect(rotated.seal('x', 'p').keyVersion).not.toBe(old.keyVersion)
  expect(() => createSecretBox({ current: after }).open(old, 'p')).toThrow('no key of version')
})

test('503 without a key, and a key of another size stops the start', () => {
  const box = createSecretBox({ current: undefined })
  expect(box.isConfigured).toBe(false)
  expect(() => box.seal('x', 'p')).toThrow(ApiError)
  expect(() => createSecretBox({ current: 'c2hvcnQ=' })).toThrow('SECRETS_ENCRYPTION_KEY must be 32 bytes')
})
