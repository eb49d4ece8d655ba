/**
 * What a sandbox's files take of the disk. A process of its own looks at them, behind everything else, and stops
 * as soon as it has seen too much: no number of files and no depth of directories holds anything up.
 */
import { existsSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Subprocess } from 'bun'
import type { SandboxDirectories } from '../directories.ts'
import { signal } from '../process-tree.ts'
import type { SandboxLimits } from './sandbox-limits.ts'

export interface DiskUsage {
  bytes: number
  inodes: number
}

/** What is left of a file system. `inodes` is null where it makes them as needed. */
export interface DiskRoom {
  bytes: number
  inodes: number | null
}

/** Of the file system on which the directory is, or will be. */
export function diskRoom(directory: string): DiskRoom {
  if (!existsSync(directory)) return diskRoom(dirname(directory))
  const { bavail, bsize, files, ffree } = statfsSync(directory)
  return { bytes: bavail * bsize, inodes: files === 0 ? null : ffree }
}

export interface Measuring {
  bubblewrap: string
  limits: Pick<SandboxLimits, 'diskBytes' | 'inodes'>
}

/** A file with several names counts its blocks once and its names each; of a hole nothing counts. */
const SUM_UP = `
{ blocks += $3 == "d" || $2 < 2 ? $1 : $1 / $2; inodes++ }
blocks * 512 > BYTES || inodes > INODES { exit }
END { printf "%.0f %d\\n", blocks * 512, inodes }`

const SCRIPT = `find "$@" -xdev -printf '%b %n %y\\n' 2>/dev/null | awk -v BYTES="$BYTES" -v INODES="$INODES" "$SUM_UP"`

/** What measures now, by the root directory of the sandbox. */
const measuring = new Map<string, Set<Subprocess>>()

/** Of workspace and home; once a limit is passed, whatever was seen by then. Null when they are gone. */
export async function measureDisk(
  { root, workspace, home }: SandboxDirectories,
  { bubblewrap, limits }: Measuring,
): Promise<DiskUsage | null> {
  const child = Bun.spawn([...inTheBackground(bubblewrap), 'sh', '-c', SCRIPT, 'sh', workspace, home], {
    cwd: '/',
    // A process group of its own, to be ended as one.
    detached: true,
    env: {
      PATH: process.env.PATH,
      BYTES: String(limits.diskBytes),
      INODES: String(limits.inodes),
      SUM_UP,
    },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'ignore',
  })
  const children = measuring.get(root) ?? new Set()
  measuring.set(root, children.add(child))
  try {
    const [, bytes, inodes] = /^(\d+) (\d+)\n$/.exec(await new Response(child.stdout).text()) ?? []
    // One that was ended may have seen a part only.
    if ((await child.exited) !== 0) return null
    return bytes && inodes !== '0' ? { bytes: Number(bytes), inodes: Number(inodes) } : null
  } finally {
    children.delete(child)
    if (children.size === 0) measuring.delete(root)
  }
}

/** Ends what measures the sandbox, before its files are removed. */
export async function stopMeasuring({ root }: SandboxDirectories): Promise<void> {
  const children = [...(measuring.get(root) ?? [])]
  for (const { pid } of children) signal(-pid, 'SIGKILL')
  await Promise.all(children.map(child => child.exited))
}

/**
 * Prefix of a command that works on an agent's files when nothing else has to be done. The agent can close a
 * directory to its own user, whom an ordinary user's runtime shares with it; not to the root of a user namespace.
 */
export function inTheBackground(bubblewrap: string): string[] {
  const asOwner = ['--unshare-user', '--uid', '0', '--gid', '0', '--cap-add', 'CAP_DAC_OVERRIDE']
  const inNamespace = [bubblewrap, '--die-with-parent', ...asOwner, '--dev-bind', '/', '/', '--']
  return [
    ...['nice', '-n', '19', 'ionice', '--ignore', '--class', '2', '--classdata', '7'],
    ...(process.getuid?.() === 0 ? [] : inNamespace),
  ]
}

/** What {@link rememberUsage} kept; null when nothing was, or it has been used since. */
export function rememberedUsage({ root }: SandboxDirectories): DiskUsage | null {
  try {
    const [bytes, inodes] = readFileSync(join(root, 'usage'), 'utf8').split(' ').map(Number)
    return bytes !== undefined && inodes !== undefined ? { bytes, inodes } : null
  } catch {
    return null
  }
}

/** Of a sandbox at rest: it stays true until the next process starts. The directory is not the agent's. */
export function rememberUsage({ root }: SandboxDirectories, usage: DiskUsage): void {
  writeFileSync(join(root, 'usage'), `${usage.bytes} ${usage.inodes}`)
}

/** A process starts in the sandbox: what was remembered is no longer so. */
export function forgetUsage({ root }: SandboxDirectories): void {
  rmSync(join(root, 'usage'), { force: true })
}
