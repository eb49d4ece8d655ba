import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { isCallback, readGrantRequest } from './request.ts'

const NONCE = 'abcdefghij_-1234'
const read = (query: string) => readGrantRequest(new URLSearchParams(query))
const faultOf = (query: string): unknown => {
  try {
    return read(query)
  } catch (error) {
    return error
  }
}
const good = `callback=http%3A%2F%2Flocalhost%3A4545%2Fx&nonce=${NONCE}`

test.each([
  'http://localhost:1024',
  'http://localhost:65535/',
  'http://127.0.0.1:45454/callback',
  'http://[::1]:4000/a/b-c_d.e~f',
  `http://localhost:4000/${'a'.repeat(255)}`,
])('%s is a port of this machine', callback => {
  expect(isCallback(callback)).toBe(true)
})

test.each([
  ...['https://localhost:4000', 'HTTP://localhost:4000', 'http:localhost:4000', 'http:/localhost:4000/', ''],
  ...['http://localhost.evil.test:4000', 'http://localhost@evil.test:4000', 'http://evil.test:4000'],
  ...['http://LOCALHOST:4000', 'http://localhost.:4000', 'http://0.0.0.0:4000', 'http://127.1:4000'],
  ...['http://0x7f.0.0.1:4000', 'http://2130706433:4000', 'http://127.0.0.2:4000', 'http://[::]:4000'],
  ...['http://[0:0:0:0:0:0:0:1]:4000', 'http://[::ffff:127.0.0.1]:4000', 'http://[::1%25lo]:4000'],
  ...['http://u@localhost:4000', 'http://u:p@localhost:4000', 'http://localhost:4000@evil.test'],
  ...[
    'http://localhost',
    'http://localhost/',
    'http://localhost:',
    'http://localhost:80',
    'http://localhost:1023',
  ],
  ...['http://localhost:65536', 'http://localhost:04000', 'http://localhost:4000x', 'http://localhost:+4000'],
  ...[
    'http://localhost:4000?a',
    'http://localhost:4000/x?',
    'http://localhost:4000/#',
    'http://localhost:4000#x',
  ],
  ...[
    'http://localhost:4000/a b',
    'http://localhost:4000\\x',
    'http://localhost:4000/\\x',
    ' http://localhost:4000',
  ],
  ...[
    'http://localhost:4000\n',
    'http://local\thost:4000',
    'http://localhost:4000/\u0000',
    'http://localhost:4000/ü',
  ],
  ...[
    'javascript:alert(1)',
    '//localhost:4000',
    'localhost:4000',
    `http://localhost:4000/${'a'.repeat(256)}`,
  ],
])('%j is not', callback => {
  expect(isCallback(callback)).toBe(false)
})

test('whatever is taken is read by a browser as the same port of this machine, and as nothing else', () => {
  const part = fc.constantFrom(
    ...[
      'http:',
      'https:',
      '//',
      '/',
      '\\',
      'localhost',
      '127.0.0.1',
      '[::1]',
      'evil.test',
      '@',
      ':',
      '?',
      '#',
    ],
    ...['4000', '1024', '99999', '%', '%2f', '..', '.', ' ', '\t', '\n', 'x', 'é', '\u0000'],
  )
  const around = fc.tuple(fc.constantFrom('http://localhost:4000', 'http://[::1]:4000/', ''), fc.array(part))
  fc.assert(
    fc.property(around, ([start, parts]) => {
      const text = start + parts.join('')
      if (!isCallback(text)) return
      const url = new URL(text)
      expect(['localhost', '127.0.0.1', '[::1]']).toContain(url.hostname)
      expect([url.protocol, url.username, url.password, url.search, url.hash]).toEqual([
        'http:',
        '',
        '',
        '',
        '',
      ])
      expect(text).toStartWith(url.origin)
    }),
    { numRuns: 5_000 },
  )
})

test('a name is trimmed, without control characters, and there without being given', () => {
  expect(read(good).name).toBe('Mogplex CLI')
  expect(read(`${good}&name=%20%0A`).name).toBe('Mogplex CLI')
  expect(read(`${good}&name=%20my%00%20lap%1Btop%20`).name).toBe('my laptop')
  expect(read(`${good}&name=${encodeURIComponent('😀'.repeat(60))}`).name).toBe('😀'.repeat(60))
})

test.each([
  ['callback', `nonce=${NONCE}`],
  ['callback', `callback=&nonce=${NONCE}`],
  ['callback', `callback=https%3A%2F%2Flocalhost%3A4000&nonce=${NONCE}`],
  ['callback', `${good}&callback=http%3A%2F%2Flocalhost%3A4545%2Fx`],
  ['nonce', 'callback=http%3A%2F%2Flocalhost%3A4545'],
  ['nonce', `callback=http%3A%2F%2Flocalhost%3A4545&nonce=${'a'.repeat(15)}`],
  ['nonce', `callback=http%3A%2F%2Flocalhost%3A4545&nonce=${'a'.repeat(129)}`],
  ['nonce', `callback=http%3A%2F%2Flocalhost%3A4545&nonce=${NONCE}%0A`],
  ['nonce', `callback=http%3A%2F%2Flocalhost%3A4545&nonce=${NONCE}%2B`],
  ['nonce', `${good}&nonce=${NONCE}`],
  ['name', `${good}&name=${'a'.repeat(61)}`],
  ['name', `${good}&name=a&name=b`],
])('400 naming %s: %s', (field, query) => {
  expect(faultOf(query)).toMatchObject({ status: 400, details: { field } })
})
