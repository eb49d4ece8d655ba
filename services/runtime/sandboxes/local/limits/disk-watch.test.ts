import { expect, test } from 'bun:test'
import type { DiskUsage } from './disk-usage.ts'
import { createDiskWatch } from './disk-watch.ts'
import { DEFAULT_LIMITS } from './sandbox-limits.ts'

const MIB = 1024 ** 2
const limits = { ...DEFAULT_LIMITS, diskBytes: 100 * MIB, inodes: 1_000 }
const room = (mib: number, inodes: number | null = 50_000) => ({ bytes: mib * MIB, inodes })

function watch(known: DiskUsage | null, { found = known, tookMs = 10 } = {}) {
  let nowMs = 0
  const disk = createDiskWatch({
    limits,
    known,
    room: room(500),
    nowMs: () => nowMs,
    measure: async () => {
      nowMs += tookMs
      return found
    },
  })
  const pass = (ms: number) => {
    nowMs += ms
  }
  return { disk, pass }
}

test('what takes less than there is left for it is not measured', () => {
  const { disk, pass } = watch({ bytes: 40 * MIB, inodes: 100 })
  pass(5_000)
  expect(disk.isDue(room(445))).toBe(false)
  expect(disk.isDue(room(435))).toBe(true)
  expect(disk.isDue(room(500, 49_000))).toBe(true)
  expect(disk.isDue(room(500, null))).toBe(false)
})

test('what was never measured is after a while, or once half of the limit is gone', () => {
  const { disk, pass } = watch(null)
  pass(1_000)
  expect(disk.isDue(room(460))).toBe(false)
  expect(disk.isDue(room(440))).toBe(true)
  pass(1_500)
  expect(disk.isDue(room(500))).toBe(true)
})

test('others that free what a sandbox takes hide it for half a minute at most', () => {
  const { disk, pass } = watch({ bytes: 0, inodes: 1 })
  pass(29_000)
  expect(disk.isDue(room(499))).toBe(false)
  pass(2_000)
  expect(disk.isDue(room(499))).toBe(true)
  expect(disk.isDue(room(500))).toBe(false)
})

test('measuring takes a twentieth of the time, however much others write', async () => {
  const { disk, pass } = watch({ bytes: 99 * MIB, inodes: 1 }, { tookMs: 500 })
  await disk.measure(room(400))
  pass(9_000)
  expect(disk.isDue(room(0))).toBe(false)
  pass(2_000)
  expect(disk.isDue(room(0))).toBe(true)
})

test('it starts from what it found, and from what was free before it looked', async () => {
  const { disk, pass } = watch({ bytes: 10 * MIB, inodes: 1 }, { found: { bytes: 60 * MIB, inodes: 1 } })
  expect(await disk.measure(room(450))).toEqual({ bytes: 60 * MIB, inodes: 1 })
  expect(disk.usage()).toEqual({ bytes: 60 * MIB, inodes: 1 })
  pass(1_000)
  expect(disk.isDue(room(411))).toBe(false)
  expect(disk.isDue(room(409))).toBe(true)
})
