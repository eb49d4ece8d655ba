import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { normalizeRootDirectory } from './root-directory.ts'

test.each([
  ['/apps//web/', 'apps/web'],
  ['./apps/./web', 'apps/web'],
  [' apps ', 'apps'],
  ['.', null],
  ['', null],
  ['/', null],
  ['./', null],
  ['...', '...'],
  ['%2e%2e%2e', '%2e%2e%2e'],
  ['a b/ü', 'a b/ü'],
  ['..', undefined],
  ['apps/../etc', undefined],
  ['apps/%2E%2e/x', undefined],
  ['trailing/%2e', undefined],
  ['.%2e', undefined],
  ['%2E.', undefined],
  ['a\\b', undefined],
  ['a\u0000b', undefined],
  ['a\nb', undefined],
  ['a\u0085b', undefined],
  ['x'.repeat(1_025), undefined],
])('%j becomes %p', (text, expected) => {
  expect(normalizeRootDirectory(text)).toBe(expected)
})

test('whatever is accepted stays inside, and is in its normal form', () => {
  const part = fc.oneof(fc.constantFrom('.', '..', '', '%2e', '%2E%2E', '.%2e', 'a', ' '), fc.string())
  fc.assert(
    fc.property(fc.array(part), parts => {
      const path = normalizeRootDirectory(parts.join('/'))
      if (typeof path !== 'string') return
      expect(
        decodeURIComponent(path.replace(/%(?![0-9a-f]{2})/gi, '%25').replace(/%(?!2[eE5])/g, '%25')),
      ).not.toMatch(/(^|\/)\.{0,2}(\/|$)/)
      expect(normalizeRootDirectory(`/${path}/`)).toBe(path)
    }),
  )
})
