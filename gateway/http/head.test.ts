import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { MalformedMessage, parseRequestHead, parseResponseHead } from './head.ts'
import { RequestReader } from './read-request.ts'

const TOKEN_CHARACTERS = "!#$%&'*+-.^_`|~0123456789abcXYZ"
const token = fc.string({ unit: fc.constantFrom(...TOKEN_CHARACTERS), minLength: 1, maxLength: 12 })
const value = fc
  .array(fc.integer({ min: 0x20, max: 0xff }), { maxLength: 20 })
  .map(codes => String.fromCharCode(...codes.filter(code => code !== 0x7f)).trim())
  .filter(text => !/^[\s\x80-\xff]|[\s\x80-\xff]$/.test(text))
const padding = fc.constantFrom('', ' ', '\t', ' \t ')
const fields = fc.array(fc.tuple(token, padding, value, padding), { maxLength: 8 })

const lines = (all: [string, string, string, string][]) =>
  all.map(([name, before, text, after]) => `${name}:${before}${text}${after}\r\n`).join('')

test('whatever the grammar allows is understood as it was meant', () => {
  fc.assert(
    fc.property(token, fields, fc.constantFrom('0', '1'), (method, all, minor) => {
      const head = parseRequestHead(`${method} /x?y=z HTTP/1.${minor}\r\n${lines(all)}\r\n`)
      expect([head.method, head.target, head.isOld]).toEqual([method, '/x?y=z', minor === '0'])
      for (const name of new Set(all.map(([sent]) => sent.toLowerCase()))) {
        const meant = all.filter(([sent]) => sent.toLowerCase() === name).map(([, , text]) => text)
        expect(head.headers.getAll(name)).toEqual(meant)
      }
    }),
    { numRuns: 1_000 },
  )
})

test('a byte out of place is refused or means the same to everybody: never another error', () => {
  const head = 'POST /api HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nX-A: b\r\n\r\n'
  fc.assert(
    fc.property(fc.nat(head.length - 1), fc.nat(255), (at, code) => {
      const bytes = Buffer.from(head, 'latin1')
      bytes[at] = code
      const read = new RequestReader(() => null).read(bytes)
      if (read.outcome !== 'head') return
      const { headers } = read.head
      // Each line feed that is left stands behind a carriage return, and no field holds either.
      expect(headers.toText()).toMatch(/^(?:[^\r\n]+\r\n)*$/)
      expect(headers.count('host')).toBe(1)
    }),
    { numRuns: 3_000 },
  )
})

test.each([
  'GET /\r\n\r\n',
  'GET  / HTTP/1.1\r\n\r\n',
  'GET / HTTP/2.0\r\n\r\n',
  'GET / HTTP/1.10\r\n\r\n',
  'GET / http/1.1\r\n\r\n',
  'G@T / HTTP/1.1\r\n\r\n',
  'GET /a b HTTP/1.1\r\n\r\n',
  'GET /#x HTTP/1.1\r\n\r\n',
  ' GET / HTTP/1.1\r\n\r\n',
  'GET / HTTP/1.1\r\n A: b\r\n\r\n',
  'GET / HTTP/1.1\r\nA : b\r\n\r\n',
  'GET / HTTP/1.1\r\nA: b\rc\r\n\r\n',
  'GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n',
])('%j is no request', text => {
  expect(() => parseRequestHead(text)).toThrow(MalformedMessage)
})

test.each(['HTTP/1.1 20 OK\r\n\r\n', 'HTTP/1.1 200OK\r\n\r\n', 'HTTP/2 200\r\n\r\n', '200 OK\r\n\r\n'])(
  '%j is no answer',
  text => {
    expect(() => parseResponseHead(text)).toThrow(MalformedMessage)
  },
)

test('a status without a reason is one', () => {
  expect(parseResponseHead('HTTP/1.1 204\r\n\r\n').status).toBe(204)
  expect(parseResponseHead('HTTP/1.0 503 Not now\r\n\r\n')).toMatchObject({ status: 503, isOld: true })
})
