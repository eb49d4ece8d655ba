import { expect, test } from 'bun:test'
import { text } from 'node:stream/consumers'
import fc from 'fast-check'
import { withholdSecret } from './withhold.ts'

const SECRET = 'sk-aaab-aaab-aaac-aaab'

async function pass(secret: string | null, pieces: string[]): Promise<string> {
  const stream = withholdSecret(secret)
  const passed = text(stream)
  for (const piece of pieces) stream.write(Buffer.from(piece))
  stream.end()
  return passed
}

test('the secret is blotted out wherever the pieces are cut, and nothing else', async () => {
  const words = fc.array(fc.constantFrom(SECRET, 'sk-', 'aaab-', 'a', 'other ', SECRET.slice(0, 9)))
  const cuts = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 })
  await fc.assert(
    fc.asyncProperty(words, cuts, async (parts, lengths) => {
      const whole = parts.join('')
      const pieces: string[] = []
      for (let at = 0, turn = 0; at < whole.length; turn += 1) {
        const length = lengths[turn % lengths.length] ?? 1
        pieces.push(whole.slice(at, at + length))
        at += length
      }
      expect(await pass(SECRET, pieces)).toBe(whole.replaceAll(SECRET, '*'.repeat(SECRET.length)))
    }),
  )
})

test('what cannot be its beginning passes at once', async () => {
  const stream = withholdSecret(SECRET)
  stream.write('data: {"text":"tasks"}\n\n')
  expect(String(stream.read())).toBe('data: {"text":"tasks"}\n\n')
  stream.write('data: sk-aaab')
  expect(String(stream.read())).toBe('data: ')
})

test('a word that serves as a key for a local model is no secret', async () => {
  expect(await pass('ollama', ['ask ollama'])).toBe('ask ollama')
  expect(await pass(null, ['anything'])).toBe('anything')
})
