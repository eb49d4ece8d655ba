/** The files that are written; what the kernel makes of them: kernel-cgroups.test.ts. */
import { expect, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { sayDelegated } from '@mogplex/kit/test-bench/delegate.ts'
import { temporaryDirectory } from '@mogplex/kit/test-bench/ended-at-exit.ts'
import { findCgroups } from './cgroup.ts'
import { DEFAULT_LIMITS } from './sandbox-limits.ts'

/** A directory that looks like a cgroup; `path`: within the tree. */
function tree(controllers: string, path = '/') {
  const top = temporaryDirectory('cgroup')
  const own = join(top, path)
  mkdirSync(own, { recursive: true })
  for (const each of [top, dirname(own), own])
    writeFileSync(join(each, 'cgroup.controllers'), `${controllers}\n`)
  const find = (isRoot = true, dataDirectory = '/data') =>
    findCgroups(dataDirectory, { mountPoint: top, directory: own }, isRoot)
  return { top, own, find }
}

test('a sandbox gets what it may have, and nothing is swapped', () => {
  const { top, find } = tree('cpuset cpu io memory pids')
  const cgroup = find()?.make('a-sandbox', { ...DEFAULT_LIMITS, cpus: 1.5 })
  if (!cgroup) throw new Error('there is none')
  const written = (file: string) => readFileSync(join(cgroup.path, file), 'utf8')
  expect(written('memory.max')).toBe(String(4 * 1024 ** 3))
  expect(written('memory.oom.group')).toBe('1')
  expect(written('pids.max')).toBe(String(512 * 8 + 64))
  expect(written('cpu.max')).toBe('150000 100000')
  expect(Number(written('cpu.weight'))).toBeLessThan(100)
  expect(cgroup.path.startsWith(top)).toBe(true)
  writeFileSync(join(cgroup.path, 'memory.current'), '4096\n')
  writeFileSync(join(cgroup.path, 'memory.events'), 'low 0\noom 3\noom_kill 2\noom_group_kill 1\n')
  expect(cgroup.read()).toEqual({ memoryBytes: 4096, kills: 2 })
})

test('without the controllers, or without a tree, there are none', () => {
  expect(tree('cpu io pids').find()).toBeNull()
  expect(tree('').find()).toBeNull()
  expect(findCgroups('/data', null)).toBeNull()
})

test('an ordinary user divides the part where the runtime is, root the top of the tree', () => {
  const { top, own, find } = tree('cpu memory pids', '/user/scope')
  expect(find(false)).not.toBeNull()
  expect([existsSync(join(own, 'mogplex-sandboxes')), existsSync(join(top, 'mogplex-sandboxes'))]).toEqual([
    ...[true, false],
  ])
  expect(find(true)).not.toBeNull()
  expect(existsSync(join(top, 'mogplex-sandboxes'))).toBe(true)
})

test('what was handed over to root is divided, and the tree above it left to its manager', () => {
  const { top, own, find } = tree('cpu memory pids', '/system/scope')
  sayDelegated(own, '1')
  expect(find(true)).not.toBeNull()
  expect([existsSync(join(own, 'mogplex-sandboxes')), existsSync(join(top, 'mogplex-sandboxes'))]).toEqual([
    ...[true, false],
  ])
})

test('what an earlier runtime left is removed, what belongs to another runtime or is in use stays', () => {
  const { top, find } = tree('cpu memory pids')
  // A directory with files in it stands for one in which processes are.
  const names = () => readdirSync(join(top, 'mogplex-sandboxes')).filter(name => !name.startsWith('cgroup.'))
  find()
  const leave = (dataDirectory: string, id: string) => {
    const path = find(true, dataDirectory)?.make(id, DEFAULT_LIMITS).path ?? ''
    for (const file of readdirSync(path)) rmSync(join(path, file))
    return path
  }
  leave('/data', 'left')
  leave('/other', 'foreign')
  expect(names()).toHaveLength(2)
  const later = find()
  expect(names().map(name => name.split('.')[1])).toEqual(['foreign'])
  const used = later?.make('used', DEFAULT_LIMITS).path ?? ''
  for (const file of readdirSync(used)) rmSync(join(used, file))
  later?.removeLeftOvers()
  expect(
    names()
      .map(name => name.split('.')[1])
      .sort(),
  ).toEqual(['foreign', 'used'])
})
