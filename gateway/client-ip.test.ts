import { expect, test } from 'bun:test'
import { clientIp, createTrustedProxies } from './client-ip.ts'

const isTrusted = createTrustedProxies(['10.0.0.0/8', '192.0.2.7', 'fd00::/8'])

test.each<[string, string | null, string]>([
  ['203.0.113.5', null, '203.0.113.5'],
  ['203.0.113.5', '198.51.100.1', '203.0.113.5'],
  ['10.1.2.3', null, '10.1.2.3'],
  ['10.1.2.3', '198.51.100.1', '198.51.100.1'],
  ['10.1.2.3', '1.1.1.1, 198.51.100.1', '198.51.100.1'],
  ['10.1.2.3', '1.1.1.1, 198.51.100.1, 192.0.2.7, 10.9.9.9', '198.51.100.1'],
  ['::ffff:10.1.2.3', '::ffff:198.51.100.1', '198.51.100.1'],
  ['fd00::1', '2001:db8::5', '2001:db8::5'],
  ['10.1.2.3', 'unknown', '10.1.2.3'],
  ['10.1.2.3', '1.1.1.1, <script>, 10.9.9.9', '10.9.9.9'],
  ['10.1.2.3', '10.4.4.4, 10.5.5.5', '10.4.4.4'],
  ['10.1.2.3', '', '10.1.2.3'],
])('peer %s forwarding for %j is %s', (peer, forwardedFor, expected) => {
  expect(clientIp(peer, forwardedFor, isTrusted)).toBe(expected)
})

test('nobody is believed by default', () => {
  expect(clientIp('127.0.0.1', '1.1.1.1', createTrustedProxies([]))).toBe('127.0.0.1')
})

test.each(['x', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', '::/129', '10.0.0.0/-1'])(
  '%s is refused at start',
  entry => {
    expect(() => createTrustedProxies([entry])).toThrow('TRUSTED_PROXIES')
  },
)
