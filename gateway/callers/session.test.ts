import { expect, test } from 'bun:test'
import { isWellFormedSessionToken, sessionCookie } from './session.ts'

const plain = sessionCookie('http://localhost:8787')
const secure = sessionCookie('https://mogplex.example')

test('the cookie has the host prefix exactly where it is secure', () => {
  expect(plain.name).toBe('mogplex_session')
  expect(secure.name).toBe('__Host-mogplex_session')
  expect(plain.cleared).not.toContain('Secure')
  expect(secure.cleared).toContain('Secure')
  expect(secure.cleared).toContain('Max-Age=0')
})

test.each([
  ['mogplex_session=abc', 'abc'],
  ['a=b; mogplex_session=abc; c=d', 'abc'],
  ['mogplex_session=', ''],
  ['mogplex_session=a=b', 'a=b'],
  ['mogplex_session=one; mogplex_session=two', 'one'],
  ['xmogplex_session=abc', null],
  ['mogplex_session_old=abc', null],
  ['__Host-mogplex_session=abc', null],
  ['mogplex_session', null],
  ['', null],
  [null, null],
])('%j holds %j', (header, token) => {
  expect(plain.read(header)).toBe(token)
})

test('only base64url of enough bytes is worth a lookup', () => {
  expect(isWellFormedSessionToken('x'.repeat(43))).toBe(true)
  expect(isWellFormedSessionToken('')).toBe(false)
  expect(isWellFormedSessionToken(`${'x'.repeat(42)}=`)).toBe(false)
  expect(isWellFormedSessionToken('x'.repeat(5_000))).toBe(false)
})
