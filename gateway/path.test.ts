import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { normalisePath } from './path.ts'

test.each([
  ['/api/repos', '/api/repos'],
  ['/api/repos/', '/api/repos'],
  ['/api/%72epos', '/api/repos'],
  ['/api/a%20b', '/api/a%20b'],
  ['/api/%C3%A9', '/api/%C3%A9'],
  ['/api/%252e%252e', '/api/%252e%252e'],
  ['/api/...', '/api/...'],
  ['/api/a..b', '/api/a..b'],
])('%s is forwarded as %s', (target, encoded) => {
  expect(normalisePath(target)?.encoded).toBe(encoded)
})

test.each([
  '/api/../repos',
  '/api/./repos',
  '/api/%2e%2e/repos',
  '/api/.%2E/repos',
  '/api/%2e/repos',
  '/api/x%2Fy',
  '/api/x%2fy',
  '/api/x%5cy',
  '/api\\repos',
  '/x\\..\\api/repos',
  '/api/x%00',
  '/api/x%0a',
  '/api/x%7f',
  '/api/x%C2%85',
  '/api/%',
  '/api/%zz',
  '/api/%ff',
  '/api/%23',
  '/..',
])('%s is refused', target => {
  expect(normalisePath(target)).toBeNull()
})

const pieces = ['a', '.', '..', '%2e', '%2E', '%2f', '%5C', '%00', '%25', '%', 'é', '%C3%A9', ';', '~', 'api']
const targets = fc
  .array(
    fc
      .array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 3 })
      .map(parts => encodeURI(parts.join('')).replaceAll('%25', '%')),
    { minLength: 1, maxLength: 6 },
  )
  .map(segments => `/${segments.join('/')}`)

test('what is forwarded decodes to exactly the segments that were decided on', () => {
  fc.assert(
    fc.property(targets, target => {
      const path = normalisePath(target)
      if (!path) return
      expect(path.encoded.slice(1).split('/').map(decodeURIComponent)).toEqual(path.segments)
      expect(new URL(`http://h${path.encoded}`).pathname).toBe(path.encoded)
    }),
    { numRuns: 2_000 },
  )
})

test('no segment that could climb, split or hide survives', () => {
  fc.assert(
    fc.property(targets, target => {
      for (const segment of normalisePath(target)?.segments ?? ['ok']) {
        expect(['', '.', '..']).not.toContain(segment)
        // biome-ignore lint/suspicious/noControlCharactersInRegex: they must not be there
        expect(segment).not.toMatch(/[\u0000-\u001f\u007f-\u009f/\\]/)
      }
    }),
    { numRuns: 2_000 },
  )
})

test('normalising the normal form changes nothing', () => {
  fc.assert(
    fc.property(targets, target => {
      const once = normalisePath(target)
      if (once) expect(normalisePath(once.encoded)).toEqual(once)
    }),
    { numRuns: 2_000 },
  )
})
