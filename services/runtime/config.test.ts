import { expect, test } from 'bun:test'
import { readConfig } from '@mogplex/kit/config.ts'
import { gitHost, RuntimeSettings } from './config.ts'

const hostOf = (more: Record<string, string> = {}) =>
  gitHost(readConfig(RuntimeSettings, { RUNTIME_DATA_DIR: '/data', ...more }))

test('git connects to hosts of the own network only where GIT_ALLOW_PRIVATE_HOSTS says so', () => {
  expect(hostOf()).toEqual({ dataDirectory: '/data', allowPrivateHosts: false })
  expect(hostOf({ GIT_ALLOW_PRIVATE_HOSTS: 'false' }).allowPrivateHosts).toBe(false)
  expect(hostOf({ GIT_ALLOW_PRIVATE_HOSTS: 'true' }).allowPrivateHosts).toBe(true)
  expect(() => hostOf({ GIT_ALLOW_PRIVATE_HOSTS: 'perhaps' })).toThrow('GIT_ALLOW_PRIVATE_HOSTS')
})
