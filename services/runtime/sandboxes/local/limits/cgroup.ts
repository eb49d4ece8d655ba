/**
 * Limits by cgroup v2: the kernel divides memory, processor time and tasks between sandboxes, and counts
 * exactly. It takes a part of the tree that is ours to divide: all of it as root, or what a service manager
 * has delegated (`Delegate=yes`, `systemd-run --user --scope --property=Delegate=yes`).
 */
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
import { basename, dirname, join } from 'node:path'
import { maxKernelTasks, type SandboxLimits } from './sandbox-limits.ts'

const NEEDED = ['memory', 'pids', 'cpu']
/** Below this directory of the tree lie the sandboxes; beside it, where it must be, the processes that were there. */
const SANDBOXES = 'mogplex-sandboxes'
const SERVICES = 'mogplex-services'
const PERIOD_US = 100_000
/** Of 1 to 10,000, where 100 is everybody's: behind the services and the database. */
const CPU_WEIGHT = 20
const REMOVE_TRIES = 50

/** One sandbox's. */
export interface Cgroup {
  /** A process enters by writing its pid into `cgroup.procs` here. */
  path: string
  /** What the kernel counts now; `kills`: how often it ended processes for want of memory. */
  read(): { memoryBytes: number; kills: number }
  /** Once nothing runs in it. */
  remove(): Promise<void>
}

export interface Cgroups {
  make(sandboxId: string, limits: SandboxLimits): Cgroup
}

/** `own`: contents of /proc/self/cgroup; `mounts`: of /proc/self/mountinfo. Null: no part of it is ours. */
export function findCgroups(
  own = readFileSync('/proc/self/cgroup', 'utf8'),
  mounts = readFileSync('/proc/self/mountinfo', 'utf8'),
  isRoot = process.getuid?.() === 0,
): Cgroups | null {
  for (const directory of candidates(own, mounts, isRoot)) {
    try {
      const base = divide(directory)
      removeEmpty(base)
      const inUse = new Set<string>()
      return { make: (sandboxId, limits) => makeCgroup(join(base, sandboxId), limits, inUse) }
    } catch {
      // Not ours to divide; perhaps another one is.
    }
  }
  return null
}

/** As root the top of what is visible; otherwise where this process is. */
function candidates(own: string, mounts: string, isRoot: boolean): string[] {
  const mount = mounts
    .split('\n')
    .map(line => line.split(' - '))
    .find(([, type]) => type?.startsWith('cgroup2 '))?.[0]
    ?.split(' ')
  const [mountRoot, mountPoint] = [mount?.[3], mount?.[4]]
  const place = /^0::(\/.*)$/m.exec(own)?.[1]
  if (mountRoot === undefined || mountPoint === undefined || place === undefined) return []
  const relative = mountRoot === '/' ? place : place.slice(mountRoot.length)
  const current = join(mountPoint, relative)
  // Another runtime, or an earlier one, has moved us there already.
  const divided = basename(current) === SERVICES ? dirname(current) : current
  return isRoot ? [mountPoint, divided] : [divided]
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
  const file = join(directory, 'cgroup.subtree_control')
  const controllers = NEEDED.map(name => `+${name}`).join(' ')
  try {
    writeFileSync(file, controllers)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EBUSY')) throw error
    const services = join(directory, SERVICES)
    mkdirSync(services, { recursive: true })
    for (const pid of readFileSync(join(directory, 'cgroup.procs'), 'utf8').split('\n')) {
      if (pid) writeFileSync(join(services, 'cgroup.procs'), pid)
    }
    writeFileSync(file, controllers)
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

/** What an earlier runtime has left behind. */
function removeEmpty(base: string): void {
  for (const entry of readdirSync(base, { withFileTypes: true })) {
    if (entry.isDirectory()) tryToRemove(join(base, entry.name))
  }
}

function tryToRemove(path: string): boolean {
  try {
    rmdirSync(path)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ENOENT'
  }
}
