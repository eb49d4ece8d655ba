import { expect, test } from 'bun:test'
import { sayDelegated } from '../test-bench/delegate.ts'
import { temporaryDirectory } from '../test-bench/ended-at-exit.ts'
import { findOwnCgroup, isDelegated } from './own-cgroup.ts'

const mounts = (root: string, point: string) =>
  `25 1 0:22 / /proc rw - proc proc rw\n31 24 0:27 ${root} ${point} rw,nosuid shared:4 - cgroup2 cgroup2 rw\n`

test('a process is found below where the tree, or the visible part of it, is mounted', () => {
  const own = '4:memory:/elsewhere\n0::/user.slice/a.scope\n'
  const whole = { mountPoint: '/sys/fs/cgroup', directory: '/sys/fs/cgroup/user.slice/a.scope' }
  expect(findOwnCgroup(own, mounts('/', '/sys/fs/cgroup'))).toEqual(whole)
  expect(findOwnCgroup(own, mounts('/user.slice', '/cg'))).toEqual({
    mountPoint: '/cg',
    directory: '/cg/a.scope',
  })
  expect(findOwnCgroup('0::/\n', mounts('/', '/cg'))).toEqual({ mountPoint: '/cg', directory: '/cg' })
})

test('a process that a runtime has moved aside is where it was before', () => {
  const found = findOwnCgroup('0::/a.scope/mogplex-services\n', mounts('/', '/cg'))
  expect(found?.directory).toBe('/cg/a.scope')
})

test('without version 2 of cgroups there is no place', () => {
  expect(findOwnCgroup('8:pids:/\n', mounts('/', '/cg'))).toBeNull()
  expect(findOwnCgroup('0::/\n', '25 1 0:22 / /proc rw - proc proc rw\n')).toBeNull()
})

test('a directory is handed over when systemd says so', () => {
  const directory = temporaryDirectory('delegated')
  expect(isDelegated(directory)).toBe(false)
  sayDelegated(directory, '0')
  expect(isDelegated(directory)).toBe(false)
  sayDelegated(directory, '1')
  expect(isDelegated(directory)).toBe(true)
  expect(isDelegated(`${directory}/missing`)).toBe(false)
})
