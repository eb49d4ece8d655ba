import { expect, test } from 'bun:test'
import { sha256Hex } from '@mogplex/kit/ids.ts'
import { presentedPat } from './pat.ts'

const TOKEN = `mog_${'aB3'.repeat(10)}xy`

test.each([`Bearer ${TOKEN}`, `bearer ${TOKEN}`, `BEARER    ${TOKEN}`, ` Bearer ${TOKEN} `])(
  '%j presents the token',
  header => {
    expect(presentedPat(header)).toEqual({ tokenHash: sha256Hex(TOKEN) })
  },
)

test.each([
  null,
  '',
  'Basic dXNlcjpwYXNz',
  'Bearer sk-live',
  'Bearer invalid_token',
  `Bearer${TOKEN}`,
  TOKEN,
  `Bearer MOG_${'a'.repeat(32)}`,
  'Digest username="a, b", realm="c"',
])('%j presents no token', header => {
  expect(presentedPat(header)).toBeNull()
})

test.each([
  `Bearer ${TOKEN}, Bearer ${TOKEN}`,
  `Bearer ${TOKEN}, Basic dXNlcjpwYXNz`,
  `Basic dXNlcjpwYXNz, Bearer ${TOKEN}`,
  `Bearer ${TOKEN}, `,
  `, Bearer ${TOKEN}`,
  `Bearer ${TOKEN}, a=b`,
  `Digest a="b", ${TOKEN}`,
  'Digest a=b, Digest c=d',
])('%j came from two headers', header => {
  expect(() => presentedPat(header)).toThrow('one Authorization header')
})

test.each([
  [TOKEN, true],
  [TOKEN.slice(0, -1), false],
  [`${TOKEN}a`, false],
  [`${TOKEN.slice(0, -1)}-`, false],
  [`${TOKEN}\n`, true],
  ['mog_', false],
])('%j is worth a question to identity: %p', (token, expected) => {
  const presented = presentedPat(`Bearer ${token}`)
  expect(presented && presented.tokenHash !== null).toBe(expected)
})
