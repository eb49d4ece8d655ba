/**
 * Limits by cgroup v2: the kernel divides memory, processor time and tasks between sandboxes, and counts
 * exactly. It takes a part of the tree that is ours to divide: what a service manager has delegated
 * (`Delegate=yes`; the launcher asks systemd for it), or as root all of it.
 */
import { createHash } from 'node:crypto'
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import {
  findOwnCgroup,
  isDelegated,
  type OwnCgroup,
  SERVICES_CGROUP,
} from '@mogplex/kit/processes/own-cgroup.ts'
import { maxKernelTasks, type SandboxLimits } from './sandbox-limits.ts'

const NEEDED = ['memory', 'pids', 'cpu']
/** Below this directory of the tree lie the sandboxes, of every runtime that divides the same part. */
const SANDBOXES = 'mogplex-sandboxes'
const PERIOD_US = 100_000
/** Of 1 to 10,000, where 100 is everybody's: behind the services and the database. */
const CPU_WEIGHT = 20
const REMOVE_TRIES = 50
/** Where whole programs lie in the part, they start others while they are moved. */
const MOVE_TRIES = 20

/** One sandbox's. */
export interface Cgroup {
  /** A process enters by writing its pid into `cgroup.procs` here. */
  path: string
  /** What the kernel counts now; `kills`: how often it ended processes for want of memory. */
  read(): { memoryBytes: number; kills: number }
  /** Once nothing runs in it. */
  remove(): Promise<void>
}

/** Those of one runtime. */
export interface Cgroups {
  make(sandboxId: string, limits: SandboxLimits): Cgroup
  /** Removes those of an earlier runtime on the same data directory in which nothing runs any more. */
  removeLeftOvers(): void
}

/**
 * `own` and `isRoot`: as the kernel says of this process. Null: no part of the tree is ours. As an ordinary user
 * every directory that can be written is, since only a manager can have given it.
 */
export function findCgroups(
  dataDirectory: string,
  own: OwnCgroup | null = findOwnCgroup(),
  isRoot = process.getuid?.() === 0,
): Cgroups | null {
  for (const directory of candidates(own, isRoot)) {
    try {
      return cgroupsIn(divide(directory), dataDirectory)
    } catch {
      // Not ours to divide; perhaps another one is.
    }
  }
  return null
}

/** As root the top of what is visible, unless a part of it was handed over. */
function candidates(own: OwnCgroup | null, isRoot: boolean): string[] {
  if (!own) return []
  const { mountPoint, directory } = own
  if (!isRoot) return [directory]
  return isDelegated(directory) ? [directory, mountPoint] : [mountPoint, directory]
}

/** Several runtimes may divide one part: only the directories of this one are its to remove. */
function cgroupsIn(base: string, dataDirectory: string): Cgroups {
  const prefix = `${createHash('sha256').update(dataDirectory).digest('hex').slice(0, 12)}.`
  const inUse = new Set<string>()
  const removeLeftOvers = () => {
    for (const { name } of readdirSync(base, { withFileTypes: true }).filter(entry => entry.isDirectory())) {
      const path = join(base, name)
      if (name.startsWith(prefix) && !inUse.has(path)) tryToRemove(path)
    }
  }
  removeLeftOvers()
  return {
    make: (sandboxId, limits) => makeCgroup(join(base, prefix + sandboxId), limits, inUse),
    removeLeftOvers,
  }
}

/** Throws when this directory is not ours. */
function divide(directory: string): string {
  const available = readFileSync(join(directory, 'cgroup.controllers'), 'utf8').trim().split(' ')
  if (!NEEDED.every(name => available.includes(name))) throw new Error('a controller is missing')
  accessSync(directory, constants.W_OK)
  handDown(directory)
  const base = join(directory, SANDBOXES)
  mkdirSync(base, { recursive: true })
  handDown(base)
  return base
}

/** What has processes cannot hand controllers down, but for the top of the whole tree: they go below first. */
function handDown(directory: string): void {
  const controllers = NEEDED.map(name => `+${name}`).join(' ')
  for (let tries = 0; ; tries++) {
    try {
      writeFileSync(join(directory, 'cgroup.subtree_control'), controllers)
      return
    } catch (error) {
      if (!hasCode(error, 'EBUSY') || tries === MOVE_TRIES) throw error
      moveProcessesBelow(directory)
    }
  }
}

function moveProcessesBelow(directory: string): void {
  const services = join(directory, SERVICES_CGROUP)
  mkdirSync(services, { recursive: true })
  for (const pid of readFileSync(join(directory, 'cgroup.procs'), 'utf8').split('\n')) {
    try {
      if (pid) writeFileSync(join(services, 'cgroup.procs'), pid)
    } catch (error) {
      // It has ended meanwhile.
      if (!hasCode(error, 'ESRCH')) throw error
    }
  }
}

function makeCgroup(path: string, limits: SandboxLimits, inUse: Set<string>): Cgroup {
  inUse.add(path)
  mkdirSync(path, { recursive: true })
  const set = (file: string, value: string | number) => writeFileSync(join(path, file), String(value))
  set('memory.max', limits.memoryBytes)
  // What is not there cannot be swapped to.
  if (existsSync(join(path, 'memory.swap.max'))) set('memory.swap.max', 0)
  // Half of an agent is of no use to anybody, and a run that goes on without says nothing of why.
  set('memory.oom.group', 1)
  set('pids.max', maxKernelTasks(limits))
  set('cpu.max', `${Math.round(limits.cpus * PERIOD_US)} ${PERIOD_US}`)
  set('cpu.weight', CPU_WEIGHT)
  return {
    path,
    read: () => ({
      memoryBytes: readNumber(join(path, 'memory.current'), /^(\d+)/),
      kills: readNumber(join(path, 'memory.events'), /^oom_kill (\d+)/m),
    }),
    async remove() {
      inUse.delete(path)
      for (let tries = 0; tries < REMOVE_TRIES; tries++) {
        // The sandbox's next process may be about to enter it.
        if (inUse.has(path) || tryToRemove(path)) return
        // The last process has ended but is not gone yet.
        await Bun.sleep(20)
      }
    },
  }
}

function readNumber(file: string, line: RegExp): number {
  try {
    return Number(line.exec(readFileSync(file, 'utf8'))?.[1] ?? 0)
  } catch {
    // Somebody else has removed it.
    return 0
  }
}

function tryToRemove(path: string): boolean {
  try {
    rmdirSync(path)
    return true
  } catch (error) {
    return hasCode(error, 'ENOENT')
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
