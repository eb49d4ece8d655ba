/** What one sandbox may take from its host (runtime spec 6.6), and how a person is told that it took more. */
import { inUnits } from '../../in-units.ts'
import type { LimitExceeded, SandboxLimit } from '../../provider.ts'

export interface SandboxLimits {
  /** Of its processes together, files in /tmp and /dev/shm included. */
  memoryBytes: number
  /** Processors' worth of time; only cgroups can divide it (see `cgroup.ts`). */
  cpus: number
  processes: number
  /** Of workspace and home together. */
  diskBytes: number
  /** Files, directories and links in workspace and home. Each name of a file counts. */
  inodes: number
  /** Free space and free inodes the sandboxes' file system keeps for everything else. 0: no floor. */
  freeBytes: number
  freeInodes: number
}

export const DEFAULT_LIMITS: SandboxLimits = {
  memoryBytes: 4 * 1024 ** 3,
  cpus: 2,
  processes: 512,
  diskBytes: 10 * 1024 ** 3,
  inodes: 1_000_000,
  freeBytes: 2 * 1024 ** 3,
  freeInodes: 20_000,
}

/** Threads for each process that a sandbox may have: about what node and the agents' CLIs start. */
const THREADS_PER_PROCESS = 8

/** Where the kernel refuses to start more, a little above where the sandbox is ended: the end has a reason. */
const REFUSED_ABOVE = 64

export function maxThreads(limits: SandboxLimits): number {
  return limits.processes * THREADS_PER_PROCESS
}

/** For `pids.max` and RLIMIT_NPROC, which both count threads. */
export function maxKernelTasks(limits: SandboxLimits): number {
  return maxThreads(limits) + REFUSED_ABOVE
}

/** Size of each private tmpfs: it is memory, so neither alone may be all that the sandbox has. */
export function tmpfsBytes(limits: SandboxLimits): number {
  return Math.floor(limits.memoryBytes / 2)
}

/** The agent's own fault: it took more than its sandbox may have. */
export function exceeded(limit: SandboxLimit, limits: SandboxLimits): LimitExceeded {
  const message = {
    memory: `The agent used more memory than its sandbox may (${inUnits(limits.memoryBytes)}); SANDBOX_MEMORY_MB raises it`,
    processes: `The agent ran more processes than its sandbox may (${limits.processes}, and ${maxThreads(limits)} threads); SANDBOX_PROCESSES raises it`,
    disk: `The agent used more disk than its sandbox may (${inUnits(limits.diskBytes)}); SANDBOX_DISK_MB raises it. ${FRESH_START}`,
    inodes: `The agent made more files than its sandbox may have (${limits.inodes}); SANDBOX_INODES raises it. ${FRESH_START}`,
  }[limit]
  return { limit, message }
}

/** The host's disk is nearly full, and this sandbox takes the most of it. */
export function tookTheLastOfTheDisk(limits: SandboxLimits): LimitExceeded {
  const least = inUnits(Math.floor(limits.freeBytes / 2))
  return {
    limit: 'disk',
    message: `The host's disk had less than ${least} left, and the agent's sandbox took the most of it. Make room there; DISK_FREE_FLOOR_MB is what is kept free. ${FRESH_START}`,
  }
}

/** The host's memory is nearly gone, and this sandbox takes the most of it. */
export function tookTheLastOfTheMemory(): LimitExceeded {
  return {
    limit: 'memory',
    message:
      "The host's memory was nearly used up, and the agent's sandbox took the most of it. Lower SANDBOX_MEMORY_MB or WORKER_CONCURRENCY",
  }
}

const FRESH_START = 'Its files were removed: the next run on this branch starts from what was pushed'
