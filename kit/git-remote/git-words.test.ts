import { expect, test } from 'bun:test'
import { quoteWords } from './git-words.ts'

test('what a remote says is quoted without colours, control characters, addresses with credentials and secrets', () => {
  const said = [
    '\u001b[1;31mGH006\u001b[0m: no\u0007\u202e',
    '\u001b]8;;http://x\u0007push to https://ada:pw12@host.test/a?key=1',
    'token geheim-4711 and ghp_0123456789abcdef',
  ]
  expect(quoteWords(said, ['geheim-4711'])).toBe(
    'GH006: no push to https://[redacted]@host.test/a?[redacted] token [redacted] and [redacted]',
  )
})

test('a secret that colours were put into is still one, and a quote has 500 characters at most', () => {
  expect(quoteWords(['geh\u001b[31meim\u001b[0m-4711'], ['geheim-4711'])).toBe('[redacted]')
  expect(quoteWords(['word '.repeat(1_000)])).toHaveLength(500)
  expect(quoteWords(['\u001b[31m \u0000', ''])).toBeNull()
})
