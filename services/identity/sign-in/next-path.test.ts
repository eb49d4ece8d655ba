import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { safeNextPath } from './next-path.ts'

test('a page of ours is kept exactly as given', () => {
  const kept = [
    '/',
    '/projects/1?tab=runs#last',
    '/cli-auth?callback=http%3A%2F%2Flocalhost%3A45454%2Fcallback',
    '/caf%C3%A9',
    '/a/..b/c',
  ]
  for (const next of kept) expect(safeNextPath(next)).toBe(next)
})

test('anything that could lead elsewhere becomes the front page', () => {
  const refused = [
    ...['', 'projects', 'https://evil.test', '//evil.test', '/%2F%2Fevil.test', '/%2Fevil.test'],
    ...['/%2e%2e/x', '/a/../x', '/a/..', '/%5Cx', '/\\x', '/a b', '/a%20b', '/a%0d%0aSet-Cookie', '/a\tb'],
    ...['/broken-%', '/%ff', '/api/settings', '/%61pi/settings', '/./api/x', '/login', '/login?next=/x'],
    ...['%2Fx', '\u00a0/x', '/x\u0000', '/x\u2028y'],
  ]
  for (const next of refused) expect([next, safeNextPath(next)]).toEqual([next, '/'])
  expect(safeNextPath(null)).toBe('/')
  expect(safeNextPath(undefined)).toBe('/')
})

test('whatever is given, a browser that follows the answer stays on this origin', () => {
  const pieces = fc.constantFrom(
    '/',
    '\\',
    '.',
    '%2f',
    '%5c',
    '%2e',
    '%',
    ':',
    '@',
    'evil.test',
    ' ',
    '\n',
    'a',
  )
  const texts = fc.oneof(
    fc.string(),
    fc.array(pieces).map(parts => parts.join('')),
  )
  fc.assert(
    fc.property(texts, text => {
      const target = new URL(safeNextPath(text), 'https://mogplex.test/login')
      return target.origin === 'https://mogplex.test' && !target.pathname.startsWith('/api/')
    }),
    { numRuns: 2_000 },
  )
})
