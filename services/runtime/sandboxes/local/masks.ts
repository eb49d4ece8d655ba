/**
 * Hides what the kernel and the host's directories would tell of the host (decision 13).
 *
 * Mounts are the hard part: each process's `mountinfo` names where on the host's disks its workspace lies,
 * and that file can neither be covered, since processes come and go, nor filtered. But the kernel lists
 * the mounts of a process's *namespace*, as far as they can be reached from its *root*. So the agent is put
 * into a second mount namespace while its root stays in the first, the one that bubblewrap furnished; then
 * its lists are empty. The first lives as long as the sandbox's first process, whose own lists are covered.
 */
import { constants, existsSync, realpathSync, statSync } from 'node:fs'

/** Of docker's masked paths, and what else names the host's disks, modules, keys or boot options. */
const KERNEL_FILES = [
  'cmdline',
  'diskstats',
  'interrupts',
  'kallsyms',
  'kcore',
  'key-users',
  'keys',
  'kmsg',
  'latency_stats',
  'mdstat',
  'modules',
  'partitions',
  'sched_debug',
  'swaps',
  'timer_list',
].map(name => `/proc/${name}`)

const KERNEL_DIRECTORIES = ['acpi', 'asound', 'bus', 'fs', 'scsi'].map(name => `/proc/${name}`)

/**
 * Of the sandbox's first process, which is bubblewrap: its arguments are paths of the host, it has the mounts
 * in its sight, and what is written into its memory would read them out. `task` has all of these again.
 */
const FIRST_PROCESS_FILES = ['cmdline', 'mem', 'mountinfo', 'mounts', 'mountstats'].map(
  name => `/proc/1/${name}`,
)
const FIRST_PROCESS_DIRECTORIES = ['/proc/1/task']

/** Below /usr, which is shown otherwise, but no programs: settings and data of the host's, tokens among them. */
const HOST_DIRECTORIES = ['/usr/etc', '/usr/local/etc', '/usr/local/src', '/usr/local/srv', '/usr/local/var']

let kernelFiles: string[] | null = null

/** Arguments for bubblewrap that come after its `--proc` and the mount of /usr, and before either is made read-only. */
export function maskArguments(): string[] {
  // The kernel stays the same while we run.
  kernelFiles ??= KERNEL_FILES.filter(isReadableByAll)
  const files = [...kernelFiles, ...FIRST_PROCESS_FILES]
  const directories = [
    ...KERNEL_DIRECTORIES.filter(path => existsSync(path)),
    ...FIRST_PROCESS_DIRECTORIES,
    ...hostDirectories(),
  ]
  return [
    ...files.flatMap(path => ['--dev-bind', '/dev/null', path]),
    ...directories.flatMap(path => ['--perms', '0755', '--tmpfs', path, '--remount-ro', path]),
  ]
}

/** The rest is for root alone, who is nobody inside. Each mount costs a tenth of a millisecond. */
function isReadableByAll(path: string): boolean {
  const mode = statSync(path, { throwIfNoEntry: false })?.mode ?? 0
  return (mode & constants.S_IROTH) !== 0
}

/** Where they really are: one that is a link to outside of /usr leads nowhere inside. */
function hostDirectories(): string[] {
  const present = HOST_DIRECTORIES.filter(path => existsSync(path)).map(path => realpathSync(path))
  return [...new Set(present)].filter(path => path.startsWith('/usr/'))
}

/**
 * Puts a program into a second mount namespace, its root left in the first. Takes CAP_SYS_ADMIN and
 * CAP_SYS_CHROOT, which the program must then give up.
 */
export function leaveMountsArguments(unshare: string): string[] {
  return [unshare, '--mount', '--propagation', 'unchanged', '--root=/proc/1/root', '--wd=/', '--']
}
