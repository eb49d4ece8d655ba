import { expect, test } from 'bun:test'
import { ConfigError } from './config.ts'
import { readWebAddress } from './web-address.ts'

const read = (written: string, isProduction = true) => readWebAddress('SOME_URL', written, { isProduction })

test('an address is taken as written, without the slash at its end', () => {
  expect(read('https://git.corp/api/v3//')).toBe('https://git.corp/api/v3')
  expect(read('http://git.corp', false)).toBe('http://git.corp')
})

test('what is no address is refused by the name of its setting', () => {
  for (const written of [
    'http://',
    'https://a b',
    'ftp://git.corp',
    'https://git.corp?x=1',
    'https://git.corp#x',
  ])
    expect(() => read(written)).toThrow(/^SOME_URL: is not/)
})

test('in production secrets leave this machine encrypted only', () => {
  for (const host of ['git.corp', '127.0.0.1.corp', '10.0.0.1'])
    expect(() => read(`http://${host}`)).toThrow(new ConfigError('SOME_URL: must be https:// in production'))
  for (const host of ['127.0.0.1:9', 'localhost', '[::1]:9'])
    expect(read(`http://${host}`)).toBe(`http://${host}`)
})
