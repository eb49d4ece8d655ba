import { expect, test } from 'bun:test'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { temporaryDirectory } from '@mogplex/kit/test-bench/ended-at-exit.ts'
import { childEnvironment, type Environment, type Instance, PASSED_ON } from './child-environment.ts'
import { loadKeys } from './keys.ts'
import { PROCESS_NAMES } from './processes.ts'

const keys = await loadKeys(join(temporaryDirectory('environment'), 'keys.json'))
const instance: Instance = {
  keys,
  port: 1,
  sockets: { identity: '/s/i', projects: '/s/p', runtime: '/s/r' },
  publicBaseUrl: 'http://localhost:1',
  databaseUrls: { identity: 'postgres://i@h/d', projects: 'postgres://p@h/d', runtime: 'postgres://r@h/d' },
  nats: { url: 'tls://127.0.0.1:9', caFile: '/home/certificate.pem' },
  runtimeDirectory: '/home/runtime',
}

test('a setting reaches those it is meant for and nobody else', () => {
  const own: Environment = Object.fromEntries(
    ['UNRELATED', ...Object.values(PASSED_ON).flat()].map(name => [name, 'set']),
  )
  for (const name of PROCESS_NAMES) {
    const environment = childEnvironment(name, instance, own)
    expect(environment.UNRELATED).toBeUndefined()
    for (const setting of Object.keys(own))
      expect(`${setting} ${environment[setting] === 'set'}`).toBe(
        `${setting} ${PASSED_ON[name].includes(setting)}`,
      )
  }
})

test('laptop defaults yield to what the person says', () => {
  expect(childEnvironment('identity', instance, {}).AUTH_SIGNUP).toBe('first-user')
  expect(childEnvironment('identity', instance, { AUTH_SIGNUP: 'open' }).AUTH_SIGNUP).toBe('open')
  expect(childEnvironment('projects', instance, {}).LOCAL_GIT_ROOTS).toBe(homedir())
})

test('the address in numbers is trusted like the name it stands for, until the person says otherwise', () => {
  const trusted = (own: Environment, publicBaseUrl = instance.publicBaseUrl) =>
    childEnvironment('gateway', { ...instance, publicBaseUrl }, own).TRUSTED_ORIGINS
  expect(trusted({})).toBe('http://127.0.0.1:1')
  expect(trusted({ TRUSTED_ORIGINS: 'https://other.test' })).toBe('https://other.test')
  expect(trusted({}, 'https://mogplex.example')).toBe('')
})

test('services listen on sockets, the gateway on its port, and all know where', () => {
  const [gateway, runtime] = [
    childEnvironment('gateway', instance, {}),
    childEnvironment('runtime', instance, {}),
  ]
  expect([gateway.PORT, gateway.SOCKET, runtime.PORT, runtime.SOCKET]).toEqual([
    ...['1', undefined, undefined, '/s/r'],
  ])
  expect([gateway.IDENTITY_URL, runtime.PROJECTS_URL]).toEqual(['unix:/s/i', 'unix:/s/p'])
})

test('every process has a key of its own to our NATS, and the login that was given to another', () => {
  expect(childEnvironment('runtime', instance, {})).toMatchObject({
    NATS_URL: 'tls://127.0.0.1:9',
    NATS_CA_FILE: '/home/certificate.pem',
    NATS_NKEY_SEED: keys.natsSeeds.runtime,
  })
  const nats = { NATS_URL: 'tls://elsewhere:4222', NATS_CREDS_FILE: '/run/secrets/nats' }
  const environment = childEnvironment('runtime', { ...instance, nats }, {})
  expect(environment).toMatchObject(nats)
  expect(environment.NATS_NKEY_SEED).toBeUndefined()
})

test('behind a proxy the processes reach each other directly', () => {
  const environment = childEnvironment('runtime', instance, {
    HTTPS_PROXY: 'http://proxy',
    no_proxy: 'intranet',
  })
  expect(environment.NO_PROXY).toBe('intranet,127.0.0.1,localhost')
})
