import { expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { agentUser, makeDirectories, sandboxDirectories } from '../directories.ts'
import { keepDiskFloor, keepHostMemory } from './host-floor.ts'
import { DEFAULT_LIMITS } from './sandbox-limits.ts'
import { newWatched, type SupervisorOptions, type Watched } from './watched.ts'

const MIB = 1024 ** 2
const limits = { ...DEFAULT_LIMITS, freeBytes: 8 * MIB, freeInodes: 0 }

/** Sandboxes with as many bytes on the disk, and who of them was ended. */
function withSandboxes(sizes: number[]) {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'host-floor-'))
  const ended: string[] = []
  const options: SupervisorOptions = {
    limits,
    dataDirectory,
    cgroups: null,
    bubblewrap: async () => Bun.which('bwrap') ?? 'bwrap',
    onExceeded: (sandboxId, { limit, message }) => ended.push(`${sandboxId} ${limit} ${message}`),
    onTrouble: error => {
      throw error
    },
  }
  const running = sizes.map(size => {
    const id = crypto.randomUUID()
    const directories = sandboxDirectories(dataDirectory, id)
    makeDirectories(directories, agentUser(id))
    writeFileSync(join(directories.home, 'file'), Buffer.alloc(size, 1))
    const watched = newWatched(id, directories, options)
    watched.trees.set({ first: Promise.resolve(null), end: () => undefined }, { first: null, reason: null })
    return watched
  })
  const idOf = (index: number) => running[index]?.id ?? ''
  const close = () => rmSync(dataDirectory, { recursive: true })
  return { options, running, ended, idOf, close }
}

const reasonOf = (watched: Watched | undefined) => [...(watched?.trees.values() ?? [])][0]?.reason?.limit

test('below half of the floor of free disk the sandbox that takes the most is ended, and no other', async () => {
  const { options, running, ended, idOf, close } = withSandboxes([MIB, 3 * MIB, 2 * MIB])
  const keep = keepDiskFloor(limits)
  await keep({ bytes: 4 * MIB, inodes: null }, running, options)
  expect(ended).toEqual([])
  await keep({ bytes: 4 * MIB - 1, inodes: null }, running, options)
  expect(ended).toEqual([expect.stringContaining(`${idOf(1)} disk The host's disk had less than`)])
  expect(running.map(reasonOf)).toEqual([undefined, 'disk', undefined])
  close()
})

test('one that takes next to nothing is not ended for a disk that others have filled', async () => {
  const { options, running, ended, close } = withSandboxes([1000])
  await keepDiskFloor(limits)({ bytes: 0, inodes: null }, running, options)
  expect(ended).toEqual([])
  close()
})

test('below a fiftieth of the host’s memory the sandbox that has the most is ended, one at a time', () => {
  const { options, running, ended, idOf, close } = withSandboxes([0, 0])
  const [small, big] = running
  if (!small || !big) throw new Error('not there')
  Object.assign(small, { memoryBytes: 10 * MIB })
  Object.assign(big, { memoryBytes: 20 * MIB })
  const keep = keepHostMemory()
  keep({ totalBytes: 1000 * MIB, availableBytes: 20 * MIB }, running, options)
  expect(ended).toEqual([])
  keep({ totalBytes: 1000 * MIB, availableBytes: 19 * MIB }, running, options)
  keep({ totalBytes: 1000 * MIB, availableBytes: 19 * MIB }, running, options)
  expect(ended).toEqual([expect.stringContaining(`${idOf(1)} memory The host's memory was nearly used up`)])
  close()
})
