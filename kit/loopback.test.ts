import { expect, test } from 'bun:test'
import { isLoopbackAddress, isLoopbackHost } from './loopback.ts'

test.each(['127.0.0.1', '127.255.255.254', '::1', '::ffff:127.0.0.1', '::FFFF:127.0.0.1'])(
  '%s is this machine',
  address => expect(isLoopbackAddress(address)).toBe(true),
)

test.each(['', '0.0.0.0', '10.0.0.1', '128.0.0.1', '::', '::2', '127.0.0.1.evil.test', '127', 'unknown'])(
  '%s is not',
  address => expect(isLoopbackAddress(address)).toBe(false),
)

test('hosts by name and by address', () => {
  const hosts = [
    'http://localhost:1',
    'http://a.localhost',
    'http://LOCALHOST.',
    'http://[::1]',
    'http://127.1',
  ]
  expect(hosts.filter(url => !isLoopbackHost(new URL(url).hostname))).toEqual([])
  const others = [
    'http://localhost.evil.test',
    'http://mylocalhost',
    'https://mogplex.example',
    'http://[::2]',
  ]
  expect(others.filter(url => isLoopbackHost(new URL(url).hostname))).toEqual([])
})
