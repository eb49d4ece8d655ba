/**
 * Limits on what one sandbox process may take from the host (runtime spec 6.6). They are rlimits, which
 * need no cgroup delegation; memory and processor time are therefore not divided, only the order in which
 * the kernel frees memory is (see `entry.sh`).
 */
import { readFileSync } from 'node:fs'

/**
 * Tasks of one sandbox at once. The kernel counts threads: the spec's 512 processes at eight threads
 * each, about what node, codex or claude start for themselves.
 */
export const MAX_TASKS = 4096

/** Largest file a process can write, in bytes: 10 GiB, the disk a sandbox is meant to have. */
export const MAX_FILE_BYTES = 10 * 1024 ** 3

/** Size of the private /tmp, in bytes. It lives in memory, so it is far below what the host has. */
export const TMP_BYTES = 2 * 1024 ** 3

/** Arguments for `prlimit`: hard and soft limit alike. A limit the host has set lower already stays. */
export function limitArguments(): string[] {
  return [
    `--nproc=${Math.min(MAX_TASKS, ownHardLimit('Max processes'))}`,
    `--fsize=${Math.min(MAX_FILE_BYTES, ownHardLimit('Max file size'))}`,
    // A core dump would put the environment of the process, keys and all, into the checkout.
    '--core=0',
  ]
}

/** Raising a hard limit needs a privilege, so we must not ask for more than this process has. */
function ownHardLimit(name: string): number {
  const line = readFileSync('/proc/self/limits', 'utf8')
    .split('\n')
    .find(text => text.startsWith(name))
  const hard = line?.slice(name.length).trim().split(/\s+/)[1]
  return hard === undefined || hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard)
}
