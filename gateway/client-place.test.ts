import { expect, test } from 'bun:test'
import { createTrustedProxies } from './client-ip.ts'
import { isLocalRequest } from './client-place.ts'
import { HeaderFields } from './http/header-fields.ts'

const trusted = createTrustedProxies(['127.0.0.1'])

function isLocal(fields: Record<string, string> = {}, peer = '127.0.0.1', isTrusted = trusted) {
  const headers = new HeaderFields()
  for (const [name, value] of Object.entries({ host: 'localhost:8787', ...fields }))
    headers.append(name, value)
  return isLocalRequest(headers, peer, isTrusted)
}

test('a connection from loopback to a name of loopback is local', () => {
  expect(isLocal()).toBe(true)
  expect(isLocal({ host: '127.0.0.1:8787' })).toBe(true)
  expect(isLocal({ host: '[::1]:8787' }, '::1')).toBe(true)
  expect(isLocal({}, '::ffff:127.0.0.1')).toBe(true)
})

test('one from elsewhere is not, whatever it says', () => {
  expect(isLocal({}, '203.0.113.9')).toBe(false)
  expect(isLocal({ 'x-forwarded-for': '127.0.0.1' }, '203.0.113.9', () => true)).toBe(false)
})

test.each(['evil.test', 'localhost.evil.test', '', 'a b', '0.0.0.0', 'user@localhost@evil.test'])(
  'one for the name %p is not',
  host => expect(isLocal({ host })).toBe(false),
)

test('one that was forwarded is not, but by a trusted proxy from this machine', () => {
  for (const name of ['forwarded', 'x-real-ip', 'via', 'x-forwarded-host', 'x-forwarded-proto'])
    expect([name, isLocal({ [name]: '127.0.0.1' })]).toEqual([name, false])
  const nobody = createTrustedProxies([])
  expect(isLocal({ 'x-forwarded-for': '127.0.0.1' }, '127.0.0.1', nobody)).toBe(false)
  expect(isLocal({ 'x-forwarded-for': '127.0.0.1' })).toBe(true)
  expect(isLocal({ 'x-forwarded-for': '127.0.0.1, ::1' })).toBe(true)
  for (const chain of ['203.0.113.9', '127.0.0.1, 203.0.113.9', '203.0.113.9, 127.0.0.1', 'unknown', ''])
    expect([chain, isLocal({ 'x-forwarded-for': chain })]).toEqual([chain, false])
})
