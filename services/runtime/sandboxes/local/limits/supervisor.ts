/**
 * Keeps the sandboxes of this process within their limits. What the kernel does not refuse by itself is measured,
 * four times a second, and the sandbox that has taken too much is ended, with a reason that a person can act on.
 */
import { AGENT_HOME_PATH, type LimitExceeded, WORKSPACE_PATH } from '../../provider.ts'
import type { SandboxDirectories } from '../directories.ts'
import { diskRoom } from './disk-usage.ts'
import { keepDiskFloor, keepHostMemory, readHostMemory } from './host-floor.ts'
import { deletedBytes } from './open-files.ts'
import { exceeded, maxThreads, type SandboxLimits } from './sandbox-limits.ts'
import { countThreads, type SeenTree } from './tree-usage.ts'
import {
  endWatched,
  newWatched,
  noticeKills,
  type SupervisorOptions,
  seeTrees,
  type Tree,
  type TreeState,
  type Watched,
} from './watched.ts'

const TICK_MS = 250
/** The disk is looked at in every so many ticks. */
const DISK_TICKS = 4
/**
 * A sandbox that has less than this part of what it may is looked at again after so long, or as soon as the host
 * has lost as much memory.
 */
const CALM_PART = 1 / 4
const CALM_MS = 900

export interface Supervisor {
  /** The cgroup that the sandbox's next process must enter; null without cgroups. */
  enter(sandboxId: string, directories: SandboxDirectories): string | null
  /** The process could not be started after all. */
  leave(sandboxId: string): void
  /** Supervises a process that was started after {@link enter}. */
  watch(sandboxId: string, tree: Tree): Supervised
  /** Whether anything runs in the sandbox. */
  isWatched(sandboxId: string): boolean
}

export interface Supervised {
  /** To be called when the tree is gone; why it was ended, if it was for a limit. */
  ended(): LimitExceeded | null
}

export function createSupervisor(options: SupervisorOptions): Supervisor {
  const all = new Map<string, Watched>()
  const tick = createTick(options, all)
  let timer: ReturnType<typeof setInterval> | null = null

  const leave = (sandboxId: string) => {
    const watched = all.get(sandboxId)
    if (!watched || watched.trees.size > 0) return
    all.delete(sandboxId)
    void watched.cgroup?.remove()
    if (all.size > 0 || !timer) return
    clearInterval(timer)
    timer = null
  }

  return {
    leave,
    isWatched: sandboxId => all.has(sandboxId),
    enter(sandboxId, directories) {
      const watched = all.get(sandboxId) ?? newWatched(sandboxId, directories, options)
      all.set(sandboxId, watched)
      timer ??= setInterval(tick, TICK_MS)
      return watched.cgroup?.path ?? null
    },
    watch(sandboxId, tree) {
      const watched = all.get(sandboxId)
      if (!watched) throw new Error(`sandbox ${sandboxId} was not entered`)
      const state: TreeState = { first: null, reason: null }
      watched.trees.set(tree, state)
      void tree.first.then(first => {
        state.first = first
      })
      return {
        ended() {
          noticeKills(watched, options)
          watched.trees.delete(tree)
          leave(sandboxId)
          return state.reason
        },
      }
    },
  }
}

function createTick(options: SupervisorOptions, all: Map<string, Watched>): () => void {
  let ticks = 0
  const keepMemory = keepHostMemory()
  const keepFloor = keepDiskFloor(options.limits)
  return () => {
    const host = readHostMemory()
    for (const watched of all.values()) checkProcesses(watched, host.availableBytes, options)
    keepMemory(host, [...all.values()], options)
    ticks++
    if (ticks % DISK_TICKS !== 0) return
    const room = diskRoom(options.dataDirectory)
    for (const watched of all.values())
      if (watched.disk.isDue(room)) checkDisk(watched, options).catch(options.onTrouble)
    keepFloor(room, [...all.values()], options).catch(options.onTrouble)
  }
}

function checkProcesses(watched: Watched, availableBytes: number, options: SupervisorOptions): void {
  const { limits } = options
  const { calm } = watched
  const hasHeadroom = calm && calm.availableBytes - availableBytes < limits.memoryBytes * CALM_PART
  if (hasHeadroom && performance.now() < calm.untilMs) return
  const trees = seeTrees(watched)
  const limit = hasTooMany(trees, limits) ? 'processes' : takesMemory(watched, trees, availableBytes, options)
  const isCalm =
    watched.memoryBytes < limits.memoryBytes * CALM_PART &&
    countProcesses(trees) < limits.processes * CALM_PART
  watched.calm = isCalm ? { untilMs: performance.now() + CALM_MS, availableBytes } : null
  if (limit) endWatched(watched, exceeded(limit, limits), options)
}

function countProcesses(trees: SeenTree[]): number {
  return trees.reduce((sum, { pids }) => sum + pids.length, 0)
}

function hasTooMany(trees: SeenTree[], limits: SandboxLimits): boolean {
  // Before anything is read of each: that takes the longer the more there are.
  if (countProcesses(trees) > limits.processes) return true
  return trees.reduce((sum, { root, pids }) => sum + countThreads(root, pids), 0) > maxThreads(limits)
}

function takesMemory(
  watched: Watched,
  trees: SeenTree[],
  availableBytes: number,
  options: SupervisorOptions,
): 'memory' | null {
  const { cgroup, meter } = watched
  if (cgroup) noticeKills(watched, options)
  watched.memoryBytes = cgroup ? cgroup.read().memoryBytes : meter.measure(trees, availableBytes)
  return !cgroup && watched.memoryBytes > options.limits.memoryBytes ? 'memory' : null
}

async function checkDisk(watched: Watched, options: SupervisorOptions): Promise<void> {
  const { limits, dataDirectory } = options
  const measured = await watched.disk.measure(diskRoom(dataDirectory))
  if (!measured) return
  const deleted = deletedBytes(seeTrees(watched), [WORKSPACE_PATH, AGENT_HOME_PATH])
  const usage = { ...measured, bytes: measured.bytes + deleted }
  if (usage.bytes > limits.diskBytes) endWatched(watched, exceeded('disk', limits), options)
  else if (usage.inodes > limits.inodes) endWatched(watched, exceeded('inodes', limits), options)
}
