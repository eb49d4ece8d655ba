/** The files that are written; what the kernel makes of them only a kernel can show (see tests/hostile/limits.test.ts). */
import { expect, test } from 'bun:test'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { temporaryDirectory } from '@mogplex/kit/test-bench/ended-at-exit.ts'
import { findCgroups } from './cgroup.ts'
import { DEFAULT_LIMITS } from './sandbox-limits.ts'

/** A directory that looks like a cgroup; `path`: within the tree. */
function tree(controllers: string, path = '/', isRoot = true) {
  const top = temporaryDirectory('cgroup')
  const own = join(top, path)
  mkdirSync(own, { recursive: true })
  for (const each of [top, dirname(own), own])
    writeFileSync(join(each, 'cgroup.controllers'), `${controllers}\n`)
  const mounts = `25 1 0:22 / /proc rw - proc proc rw\n31 24 0:27 / ${top} rw,nosuid shared:4 - cgroup2 cgroup2 rw\n`
  return { top, own, found: findCgroups(`0::${path}\n`, mounts, isRoot) }
}

test('a sandbox gets what it may have, and nothing is swapped', () => {
  const { top, found } = tree('cpuset cpu io memory pids')
  const cgroup = found?.make('a-sandbox', { ...DEFAULT_LIMITS, cpus: 1.5 })
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
  expect(tree('cpu io pids').found).toBeNull()
  expect(tree('').found).toBeNull()
  expect(findCgroups('8:pids:/\n', '25 1 0:22 / /proc rw - proc proc rw\n')).toBeNull()
})

test('a runtime that an earlier one has moved aside divides the same part', () => {
  const { top, found } = tree('cpu memory pids', '/user/mogplex-services', false)
  expect(found).not.toBeNull()
  expect(existsSync(join(top, 'user/mogplex-sandboxes'))).toBe(true)
})
