import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { redirect } from './redirect.ts'

test.each([
  ['/projects?tab=runs#last', '/projects?tab=runs#last'],
  ['/a%20b', '/a%20b'],
  ['/é/日本/😀', '/%C3%A9/%E6%97%A5%E6%9C%AC/%F0%9F%98%80'],
  ['/a b\tc', '/a%20b%09c'],
  ['/a\r\nSet-Cookie: x=y', '/a%0D%0ASet-Cookie:%20x=y'],
  ['/\0', '/%00'],
  ['/\ud800', '/%EF%BF%BD'],
])('%j goes into the header as %j', (location, header) => {
  expect(redirect(location).headers.get('location')).toBe(header)
})

test('no text is a fault, and none reaches further than its own header', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), text => {
      const { headers } = redirect(`/${text}`, ['a=b'])
      return /^[\x21-\x7e]+$/.test(headers.get('location') ?? '') && [...headers].length === 2
    }),
    { numRuns: 2_000 },
  )
})
