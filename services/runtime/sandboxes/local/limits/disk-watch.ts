/**
 * When to measure a sandbox's files: as long as the file system has lost less since the last time than the
 * sandbox still may take, it cannot have taken too much, whoever took it. So most runs are never measured.
 */
import type { DiskRoom, DiskUsage } from './disk-usage.ts'
import type { SandboxLimits } from './sandbox-limits.ts'

/** A sandbox that was never measured is, when its processes run longer than most. */
const FIRST_AFTER_MS = 2_000
/** What somebody else frees meanwhile hides what the sandbox takes. */
const AGAIN_AFTER_MS = 30_000
/** Measuring is at most this part of the time. */
const PART_OF_TIME = 1 / 20

export interface DiskWatch {
  /** Of the last measurement. */
  usage(): DiskUsage | null
  isDue(room: DiskRoom): boolean
  /** Measures once at a time; null when another measurement is under way, or there is nothing to measure. */
  measure(room: DiskRoom): Promise<DiskUsage | null>
}

export function createDiskWatch(options: {
  limits: SandboxLimits
  known: DiskUsage | null
  room: DiskRoom
  measure: () => Promise<DiskUsage | null>
  nowMs?: () => number
}): DiskWatch {
  const { limits, measure, nowMs = () => performance.now() } = options
  let { known: usage, room: roomThen } = options
  let measuredAtMs = nowMs()
  let tookMs = 0
  let isMeasuring = false

  return {
    usage: () => usage,
    isDue(room) {
      const forMs = nowMs() - measuredAtMs
      if (isMeasuring || forMs < tookMs / PART_OF_TIME) return false
      const lost = lostSince(roomThen, room)
      if (!usage) return forMs > FIRST_AFTER_MS || isAbove(lost, limits, 1 / 2)
      const atMost = { bytes: usage.bytes + lost.bytes, inodes: usage.inodes + lost.inodes }
      return isAbove(atMost, limits, 1) || (forMs > AGAIN_AFTER_MS && lost.bytes + lost.inodes > 0)
    },
    async measure(room) {
      if (isMeasuring) return null
      isMeasuring = true
      const startedAtMs = nowMs()
      try {
        const found = await measure()
        if (!found) return null
        usage = found
        // What was free before: what was taken while it was looking may not have been seen.
        roomThen = room
        return found
      } finally {
        measuredAtMs = nowMs()
        tookMs = measuredAtMs - startedAtMs
        isMeasuring = false
      }
    },
  }
}

function lostSince(then: DiskRoom, now: DiskRoom): DiskUsage {
  const inodes = then.inodes === null || now.inodes === null ? 0 : then.inodes - now.inodes
  return { bytes: Math.max(0, then.bytes - now.bytes), inodes: Math.max(0, inodes) }
}

function isAbove({ bytes, inodes }: DiskUsage, limits: SandboxLimits, part: number): boolean {
  return bytes > limits.diskBytes * part || inodes > limits.inodes * part
}
