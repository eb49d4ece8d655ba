import { expect, test } from 'bun:test'
import { sha256Hex } from '@mogplex/kit/ids.ts'
import fc from 'fast-check'
import { newToken, randomBase62 } from './token.ts'

test('a token is mog_ and 32 characters of base62, known by its hash and its first 12 characters', () => {
  for (let round = 0; round < 200; round += 1) {
    const { token, tokenHash, prefix } = newToken()
    expect(token).toMatch(/^mog_[A-Za-z0-9]{32}$/)
    expect(tokenHash).toBe(sha256Hex(token))
    expect(prefix).toBe(token.slice(0, 12))
  }
})

test('no two tokens are the same', () => {
  expect(new Set(Array.from({ length: 5_000 }, () => newToken().token)).size).toBe(5_000)
})

test('every one of the 62 characters is equally likely', () => {
  const size = 620_000
  const counts = new Map<string, number>()
  for (const char of randomBase62(size)) counts.set(char, (counts.get(char) ?? 0) + 1)
  expect(counts.size).toBe(62)
  const expected = size / 62
  const chiSquared = [...counts.values()].reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0)
  // 61 degrees of freedom: above 130 once in a million runs; a modulo bias gives more than 10,000.
  expect(chiSquared).toBeLessThan(130)
})

test('bytes beyond the last full round of the alphabet are dropped, whatever the source gives', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 80 }), fc.uint8Array({ maxLength: 200 }), (count, given) => {
      // Reads on through what was given and then gives zeros: one that repeated itself might never end.
      let position = 0
      const source = (size: number) => new Uint8Array(size).map(() => given[position++] ?? 0)
      const text = randomBase62(count, source)
      const kept = [...given].filter(byte => byte < 248).length
      return text.length === count && /^[A-Za-z0-9]*$/.test(text) && /^A*$/.test(text.slice(kept))
    }),
    { numRuns: 1_000 },
  )
  let calls = 0
  const onlyRejectedFirst = (size: number) => new Uint8Array(size).fill(calls++ === 0 ? 248 : 61)
  expect(randomBase62(4, onlyRejectedFirst)).toBe('9999')
  expect(calls).toBe(2)
})
