/**
 * How much memory a sandbox takes where no cgroup counts it. Reads as little as tells that there is room, and
 * more the nearer the limit is. Errs by what is mapped and lies in a file of /tmp, too: that counts once, so the
 * true figure is between this one and twice it.
 */
import { type HeldMemory, heldMemory } from './held-memory.ts'
import {
  type OwnMemory,
  ownMemory,
  proportionalMemory,
  residentBytes,
  type SeenTree,
  temporaryBytes,
} from './tree-usage.ts'

export interface MemoryMeter {
  /** `availableBytes`: what the host has left. Its fall says when to look closer. */
  measure(trees: SeenTree[], availableBytes: number): number
}

const PRECISE_AGAIN_MS = 1_000
/** What was found held may have been let go. */
const HELD_AGAIN_MS = 2_000
/** What others let go of hides in the host's memory what a sandbox takes. */
const LOOK_ANYWAY_MS = 5_000
/** What is held open is looked for again when the host has lost this part of the limit since the last look. */
const LOOK_AGAIN_PART = 1 / 8

export function createMemoryMeter(limitBytes: number, nowMs = () => performance.now()): MemoryMeter {
  const lookAtHeld = createHeldWatch(limitBytes, nowMs)
  let precise: { atMs: number; rough: number; bytes: number } | null = null

  return {
    measure(trees, availableBytes) {
      const { sharedBytes, bufferBytes } = lookAtHeld(trees, availableBytes)
      const inFiles = sharedBytes + total(trees, each => temporaryBytes(each.root))
      const all = bufferBytes + inFiles + total(trees, each => residentBytes(each.root, each.pids))
      if (all < limitBytes / 2) return all
      const sumUp = (read: (root: string, pids: string[]) => OwnMemory) => {
        const own = trees.map(each => read(each.root, each.pids))
        const mapped = total(own, each => each.sharedBytes)
        return bufferBytes + total(own, each => each.privateBytes) + Math.max(mapped, inFiles)
      }
      const rough = sumUp(ownMemory)
      if (rough <= limitBytes) return rough
      // Processes that were forked share much: only now is it worth to count that once.
      const isFresh = precise && nowMs() - precise.atMs < PRECISE_AGAIN_MS
      if (precise && isFresh && rough - precise.rough < (limitBytes - precise.bytes) / 2) return precise.bytes
      precise = { atMs: nowMs(), rough, bytes: sumUp(proportionalMemory) }
      return precise.bytes
    },
  }
}

/** Remembers what was found until the next look, which is not waited for. */
function createHeldWatch(limitBytes: number, nowMs: () => number) {
  let found: HeldMemory = { sharedBytes: 0, bufferBytes: 0 }
  let mostAvailable = 0
  let lookedAtMs = nowMs()
  let isLooking = false
  const look = async (trees: SeenTree[]) => {
    isLooking = true
    try {
      const all = await Promise.all(trees.map(each => heldMemory(each.firstPid, each.root, each.pids)))
      found = {
        sharedBytes: total(all, each => each.sharedBytes),
        bufferBytes: total(all, each => each.bufferBytes),
      }
    } finally {
      lookedAtMs = nowMs()
      isLooking = false
    }
  }
  return (trees: SeenTree[], availableBytes: number): HeldMemory => {
    mostAvailable = Math.max(mostAvailable, availableBytes)
    const worthALook = limitBytes * LOOK_AGAIN_PART
    const isMuch = found.sharedBytes + found.bufferBytes > worthALook
    const sinceMs = nowMs() - lookedAtMs
    const isDue =
      mostAvailable - availableBytes > worthALook || sinceMs > (isMuch ? HELD_AGAIN_MS : LOOK_ANYWAY_MS)
    if (isDue && !isLooking) {
      mostAvailable = availableBytes
      void look(trees)
    }
    return found
  }
}

function total<Item>(items: Item[], sizeOf: (item: Item) => number): number {
  return items.reduce((sum, item) => sum + sizeOf(item), 0)
}
