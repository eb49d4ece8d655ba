/**
 * The last line: what the host must have left whatever the sandboxes' limits add up to, so that database and
 * services keep their room. Below it the sandbox that takes the most is ended, one after another.
 */
import { readFileSync } from 'node:fs'
import type { DiskRoom, DiskUsage } from './disk-usage.ts'
import { type SandboxLimits, tookTheLastOfTheDisk, tookTheLastOfTheMemory } from './sandbox-limits.ts'
import { endWatched, type SupervisorOptions, type Watched } from './watched.ts'

/** What a sandbox had comes free a moment after its end; then the next one is looked for. */
const NEXT_AFTER_MS = 5_000
/** Below this part of its memory the kernel is about to choose what to end. */
const HOST_MEMORY_PART = 1 / 50
/** Ending one that has less than this part of what is missing would help nobody. */
const WORTH_ENDING_PART = 1 / 8

export interface HostMemory {
  totalBytes: number
  availableBytes: number
}

export function readHostMemory(): HostMemory {
  const text = readFileSync('/proc/meminfo', 'latin1')
  const bytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0) * 1024
  return { totalBytes: bytes('MemTotal'), availableBytes: bytes('MemAvailable') }
}

export function keepHostMemory() {
  let nextAtMs = 0
  return (host: HostMemory, running: Watched[], options: SupervisorOptions): void => {
    const least = host.totalBytes * HOST_MEMORY_PART
    if (host.availableBytes >= least || performance.now() < nextAtMs) return
    const biggest = biggestOf(running, each => each.memoryBytes)
    if (!biggest || biggest.memoryBytes < least * WORTH_ENDING_PART) return
    nextAtMs = performance.now() + NEXT_AFTER_MS
    endWatched(biggest, tookTheLastOfTheMemory(), options)
  }
}

/** Agents go on below the floor, where no run starts, down to half of it. */
export function keepDiskFloor(limits: SandboxLimits) {
  const least = { bytes: limits.freeBytes / 2, inodes: limits.freeInodes / 2 }
  let nextAtMs = 0
  return async (room: DiskRoom, running: Watched[], options: SupervisorOptions): Promise<void> => {
    const lack = lackOf(room, least)
    if (!lack || performance.now() < nextAtMs) return
    nextAtMs = performance.now() + NEXT_AFTER_MS
    await Promise.all(running.map(each => each.disk.measure(room)))
    const size = (each: Watched) => each.disk.usage()?.[lack] ?? 0
    const biggest = biggestOf(running, size)
    if (biggest && size(biggest) >= least[lack] * WORTH_ENDING_PART)
      endWatched(biggest, tookTheLastOfTheDisk(limits), options)
  }
}

/** Of what there is less than this; null: enough of both. */
export function lackOf(room: DiskRoom, least: DiskUsage): keyof DiskUsage | null {
  if (room.bytes < least.bytes) return 'bytes'
  return room.inodes !== null && room.inodes < least.inodes ? 'inodes' : null
}

function biggestOf(running: Watched[], size: (each: Watched) => number): Watched | undefined {
  return running.toSorted((a, b) => size(b) - size(a))[0]
}
