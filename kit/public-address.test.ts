import { describe, expect, test } from 'bun:test'
import { canonicalHost, isPublicAddress, vetHost } from './public-address.ts'

describe('isPublicAddress', () => {
  const refused = [
    '0.0.0.0',
    '10.255.0.1',
    '100.64.0.1',
    '100.100.100.200',
    '127.0.0.1',
    '127.255.255.254',
    '168.63.129.16',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.192',
    '192.0.2.1',
    '192.168.1.1',
    '198.19.0.1',
    '224.0.0.1',
    '239.255.255.250',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:10.0.0.1',
    '0:0:0:0:0:ffff:a00:1',
    '::127.0.0.1',
    '::ffff:0:127.0.0.1',
    '64:ff9b::7f00:1',
    '64:ff9b::169.254.169.254',
    '64:ff9b:1::808:808',
    '64:ff9b::10.0.0.1',
    '2606:4700::1111%eth0',
    'fe80::1',
    'fe80::1%eth0',
    'fd00:ec2::254',
    'fc00::1',
    'fec0::1',
    'ff02::1',
    '2001::1',
    '2001:db8::1',
    '2001:0:1::1',
    '2002:7f00:1::1',
    'not an address',
    '',
  ]
  test.each(refused)('refuses %p', address => expect(isPublicAddress(address)).toBe(false))

  const accepted = [
    '1.1.1.1',
    '9.255.255.255',
    '11.0.0.1',
    '100.63.255.255',
    '100.128.0.1',
    '172.15.0.1',
    '172.32.0.1',
    '192.0.1.1',
    '223.255.255.255',
    '2606:4700::1111',
    '2a00:1450::1',
    '::ffff:8.8.8.8',
    '::FFFF:808:808',
    '64:ff9b::8.8.8.8',
  ]
  test.each(accepted)('accepts %p', address => expect(isPublicAddress(address)).toBe(true))
})

describe('canonicalHost', () => {
  test.each([
    ['Example.COM', 'example.com'],
    ['example.com.', 'example.com'],
    ['2130706433', '127.0.0.1'],
    ['0x7f.1', '127.0.0.1'],
    ['0177.0.0.1', '127.0.0.1'],
    ['127.1', '127.0.0.1'],
    ['127.0.0.1.', '127.0.0.1'],
    ['[::1]', '::1'],
    ['::1', '::1'],
    ['ⓛocalhost', 'localhost'],
  ])('%p is %p', (spelling, host) => expect(canonicalHost(spelling)).toBe(host))

  test.each([
    '',
    '.',
    'a b',
    'a/b',
    'user@host',
    'host:80',
    'host:443',
    '[::1]:80',
    '[::1]:443',
    'a#b',
    '1.2.3.999',
  ])('%p is no host', text => expect(canonicalHost(text)).toBeNull())
})

describe('vetHost', () => {
  test.each(['localhost', 'git.localhost', '127.0.0.1', '::1', '169.254.169.254'])('refuses %p', async host =>
    expect(await vetHost(host)).toEqual({ status: 'refused' }),
  )
  test('gives the address of a public literal', async () =>
    expect(await vetHost('1.1.1.1')).toEqual({ status: 'public', addresses: ['1.1.1.1'] }))
  test('a name without an address is unresolved', async () =>
    expect(await vetHost('no-such-host.invalid')).toEqual({ status: 'unresolved' }))
  test('every address counts: one that is not public refuses the name', async () => {
    const answering = (...addresses: string[]) => vetHost('example.test', async () => addresses)
    expect(await answering('1.1.1.1', '2606:4700::1111')).toEqual({
      status: 'public',
      addresses: ['1.1.1.1', '2606:4700::1111'],
    })
    expect(await answering('1.1.1.1', '10.0.0.1')).toEqual({ status: 'refused' })
    expect(await answering()).toEqual({ status: 'unresolved' })
  })
})
