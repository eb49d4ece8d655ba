/**
 * What one start of git may take from the host. Git reads what strangers wrote: a small pack can stand for any
 * amount of memory, time and disk. The limits are rlimits, which every process that git starts inherits.
 */
import { readFileSync } from 'node:fs'
import { totalmem } from 'node:os'

export interface GitLimits {
  /** Wall clock. */
  timeoutMs: number
  /** Of each process, all threads together. */
  cpuSeconds: number
  /**
   * What each process may write to in memory. Packs and indexes, which are mapped to be read, do not count: a
   * limit of the address space would keep git from large repositories.
   */
  memoryBytes: number
  /** Largest file a process may write, hence largest pack it may store. */
  fileBytes: number
  /** What git may say on stdout where nobody reads along. */
  outputBytes: number
  /** Git is ended when less than this is free where it writes; the database lives on the same disk. */
  freeDiskBytes: number
}

const MIB = 1024 ** 2

/** Enough for everything that asks or says little; whoever moves objects allows itself more. */
export const SMALL: GitLimits = {
  timeoutMs: 60_000,
  cpuSeconds: 60,
  memoryBytes: memoryUpTo(512 * MIB),
  fileBytes: 64 * MIB,
  outputBytes: 8 * MIB,
  freeDiskBytes: 256 * MIB,
}

/** As much as asked for, but never more than half of what the machine has. */
export function memoryUpTo(bytes: number): number {
  return Math.min(bytes, Math.floor(totalmem() / 2))
}

/**
 * Processes and threads that may be added to those the machine has. The kernel counts all of the account, a
 * person's browser too, so that a fixed number would be too low for one machine and none for another.
 */
const ADDED_TASKS = 256

/** Between SIGXCPU, which git dies of, and SIGKILL. */
const CPU_GRACE_SECONDS = 5

/** Arguments for `prlimit`. A limit the host has set lower already stays. */
export function limitArguments(limits: GitLimits): string[] {
  const own = readFileSync('/proc/self/limits', 'utf8')
  const both = (bytes: number, name: string) => String(Math.min(bytes, hardLimit(own, name)))
  const cpu = Math.min(limits.cpuSeconds, hardLimit(own, 'Max cpu time'))
  const cpuHard = Math.min(limits.cpuSeconds + CPU_GRACE_SECONDS, hardLimit(own, 'Max cpu time'))
  return [
    `--data=${both(limits.memoryBytes, 'Max data size')}`,
    `--cpu=${cpu}:${cpuHard}`,
    `--fsize=${both(limits.fileBytes, 'Max file size')}`,
    `--nproc=${both(machineTasks() + ADDED_TASKS, 'Max processes')}`,
    // Credentials are in memory.
    '--core=0',
  ]
}

/** Raising a hard limit needs a privilege, so we must not ask for more than this process has. */
function hardLimit(limits: string, name: string): number {
  const line = limits.split('\n').find(text => text.startsWith(name))
  const hard = line?.slice(name.length).trim().split(/\s+/)[1]
  return hard === undefined || hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard)
}

/** Never fewer than this account has, since it counts everybody's. */
function machineTasks(): number {
  return Number(/\/(\d+) /.exec(readFileSync('/proc/loadavg', 'utf8'))?.[1] ?? 0)
}
