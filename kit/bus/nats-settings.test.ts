import { expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ConfigError, readConfig } from '../config.ts'
import { temporaryDirectory } from '../test-bench/ended-at-exit.ts'
import { connectionOptions, NatsSettings, natsLogin } from './nats-settings.ts'

const directory = temporaryDirectory('nats-settings')
const SEED = `SU${'A'.repeat(56)}`
const file = (name: string, text: string) => {
  const path = join(directory, name)
  writeFileSync(path, text)
  return path
}
const read = (environment: Record<string, string>) => natsLogin(readConfig(NatsSettings, environment))

test('user and password, a key, or credentials in a file; certificates to know the server by', () => {
  expect(connectionOptions(read({ NATS_URL: 'nats://me:p%40ss@host:1' }))).toMatchObject({
    ...{ servers: 'host:1', user: 'me', pass: 'p@ss' },
  })
  const NATS_URL = 'tls://host:1'
  expect(read({ NATS_URL, NATS_NKEY_SEED: SEED }).nkeySeed).toBe(SEED)
  expect(read({ NATS_URL, NATS_NKEY_SEED_FILE: file('seed', `${SEED}\n`) }).nkeySeed).toBe(SEED)
  expect(read({ NATS_URL, NATS_CREDS_FILE: file('creds', 'text') }).credentials).toBe('text')
  const withCa = connectionOptions(read({ NATS_URL, NATS_CA_FILE: file('ca.pem', 'certificate') }))
  expect(withCa.tls).toEqual({ ca: 'certificate' })
  expect(connectionOptions(read({ NATS_URL })).tls).toEqual({})
  expect(connectionOptions(read({ NATS_URL: 'nats://host:1' })).tls).toBeUndefined()
})

test.each<[string, Record<string, string>, RegExp]>([
  ['another scheme', { NATS_URL: 'http://host:1' }, /^NATS_URL: /],
  [
    'certificates without TLS',
    { NATS_URL: 'nats://host:1', NATS_CA_FILE: 'ca.pem' },
    /^NATS_CA_FILE: is for/,
  ],
  [
    'a file that is not there',
    { NATS_URL: 'tls://host:1', NATS_CREDS_FILE: '/nowhere' },
    /NATS_CREDS_FILE: .*ENOENT/,
  ],
  ['what is no seed', { NATS_URL: 'tls://host:1', NATS_NKEY_SEED: 'SUshort' }, /^NATS_NKEY_SEED: /],
  [
    'two logins',
    { NATS_URL: 'tls://me:p@host:1', NATS_NKEY_SEED: SEED },
    /^NATS_NKEY_SEED: is set beside a user/,
  ],
  [
    'two logins without a user',
    { NATS_URL: 'tls://host:1', NATS_NKEY_SEED: SEED, NATS_CREDS_FILE: '/nowhere' },
    /^NATS_NKEY_SEED: is set beside NATS_CREDS_FILE/,
  ],
])('%s stops the start, and the message names the setting', (_, environment, message) => {
  expect(() => read(environment)).toThrow(ConfigError)
  expect(() => read(environment)).toThrow(message)
})

test('a file with no seed in it is named, and its text is not repeated', () => {
  const NATS_NKEY_SEED_FILE = file('other', 'secret text')
  expect(() => read({ NATS_URL: 'tls://host:1', NATS_NKEY_SEED_FILE })).toThrow(/other holds no seed/)
  expect(() => read({ NATS_URL: 'tls://host:1', NATS_NKEY_SEED_FILE })).not.toThrow(/secret text/)
})
