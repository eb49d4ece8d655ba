import { expect, test } from 'bun:test'
import { readConfig } from '@mogplex/kit/config.ts'
import { gitHost, RuntimeSettings } from './config.ts'
import { DEFAULT_LIMITS } from './sandboxes/local/limits/sandbox-limits.ts'
import { sandboxLimits } from './sandboxes/local/limits/settings.ts'

const hostOf = (more: Record<string, string> = {}) =>
  gitHost(readConfig(RuntimeSettings, { RUNTIME_DATA_DIR: '/data', ...more }))

test('git connects to hosts of the own network only where GIT_ALLOW_PRIVATE_HOSTS says so', () => {
  expect(hostOf()).toEqual({ dataDirectory: '/data', allowPrivateHosts: false })
  expect(hostOf({ GIT_ALLOW_PRIVATE_HOSTS: 'false' }).allowPrivateHosts).toBe(false)
  expect(hostOf({ GIT_ALLOW_PRIVATE_HOSTS: 'true' }).allowPrivateHosts).toBe(true)
  expect(() => hostOf({ GIT_ALLOW_PRIVATE_HOSTS: 'perhaps' })).toThrow('GIT_ALLOW_PRIVATE_HOSTS')
})

test('cgroups are used unless SANDBOX_CGROUPS says off', () => {
  const read = (more: Record<string, string> = {}) =>
    readConfig(RuntimeSettings, { RUNTIME_DATA_DIR: '/data', ...more }).SANDBOX_CGROUPS
  expect([read(), read({ SANDBOX_CGROUPS: 'off' })]).toEqual(['auto', 'off'])
  expect(() => read({ SANDBOX_CGROUPS: 'maybe' })).toThrow('SANDBOX_CGROUPS')
})

test('what a sandbox may take is set in megabytes, processors and pieces', () => {
  const limitsOf = (more: Record<string, string> = {}) =>
    sandboxLimits(readConfig(RuntimeSettings, { RUNTIME_DATA_DIR: '/data', ...more }))
  expect(limitsOf()).toEqual(DEFAULT_LIMITS)
  const own = {
    SANDBOX_MEMORY_MB: '512',
    SANDBOX_CPUS: '1.5',
    SANDBOX_INODES: '5000',
    DISK_FREE_FLOOR_MB: '0',
  }
  expect(limitsOf(own)).toMatchObject({ memoryBytes: 512 * 1024 ** 2, cpus: 1.5, inodes: 5000, freeBytes: 0 })
  for (const name of ['SANDBOX_MEMORY_MB', 'SANDBOX_CPUS', 'SANDBOX_PROCESSES', 'SANDBOX_DISK_MB']) {
    expect(() => limitsOf({ [name]: '0' })).toThrow(name)
  }
})
