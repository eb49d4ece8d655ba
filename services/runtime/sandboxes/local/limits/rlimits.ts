/**
 * Limits the kernel itself keeps for each process, with cgroups or without.
 *
 * RLIMIT_NPROC counts the threads of a user. As root every sandbox has a user of its own. Otherwise all of them
 * share this process's, but the limit is set inside a user namespace, and from Linux 5.14 on the kernel counts
 * by namespace; before that a sandbox's limit counts the operator's processes, too.
 */
import { readFileSync } from 'node:fs'
import { maxKernelTasks, type SandboxLimits } from './sandbox-limits.ts'

/** What the shell counts files in. */
const BLOCK_BYTES = 512

/** Threads and blocks, for `entry.sh`, which sets them. A limit the host has set lower already stays. */
export function kernelLimits(limits: SandboxLimits): string {
  const tasks = Math.min(maxKernelTasks(limits), ownHardLimit('Max processes'))
  // One file can then not be larger than all of them may be.
  const fileBytes = Math.min(limits.diskBytes, ownHardLimit('Max file size'))
  return `${tasks} ${Math.floor(fileBytes / BLOCK_BYTES)}`
}

/** Raising a hard limit needs a privilege, so we must not ask for more than this process has. */
function ownHardLimit(name: string): number {
  const line = readFileSync('/proc/self/limits', 'utf8')
    .split('\n')
    .find(text => text.startsWith(name))
  const hard = line?.slice(name.length).trim().split(/\s+/)[1]
  return hard === undefined || hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard)
}
