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
  ports: { gateway: 1, identity: 2, projects: 3, runtime: 4 },
  publicBaseUrl: 'http://localhost:1',
  databaseUrls: { identity: 'postgres://i@h/d', projects: 'postgres://p@h/d', runtime: 'postgres://r@h/d' },
  natsUrl: 'nats://127.0.0.1:9',
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

test('every process logs in to NATS as itself, unless NATS_URL brings a login', () => {
  expect(childEnvironment('runtime', instance, {}).NATS_URL).toBe(
    `nats://runtime:${keys.natsPasswords.runtime}@127.0.0.1:9`,
  )
  const given = { ...instance, natsUrl: 'nats://me:secret@elsewhere:4222' }
  expect(childEnvironment('runtime', given, {}).NATS_URL).toBe('nats://me:secret@elsewhere:4222')
})

test('behind a proxy the processes reach each other directly', () => {
  const environment = childEnvironment('runtime', instance, {
    HTTPS_PROXY: 'http://proxy',
    no_proxy: 'intranet',
  })
  expect(environment.NO_PROXY).toBe('intranet,127.0.0.1,localhost')
})
