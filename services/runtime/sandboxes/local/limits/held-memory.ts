/**
 * Memory that no process has mapped and that still is there for a sandbox alone: files without a name
 * (memfd_create), what waits in pipes and sockets, and System V segments. Reading it means looking at every open
 * file, so it is done rarely.
 */
import { readdirSync, readlinkSync, statSync } from 'node:fs'

/** What a pipe can hold: at first 64 KiB; with 64 MiB in a user's pipes, two pages each. */
const FIRST_PIPE_BYTES = 64 * 1024
const FIRST_PIPES_BYTES = 64 * 1024 ** 2
const PIPE_BYTES = 8192
/** What waits at a socket at most, unless somebody asked for more. */
const SOCKET_BYTES = 208 * 1024

export interface HeldMemory {
  /** In files and segments: shared memory that may be mapped, too. */
  sharedBytes: number
  /** In pipes and sockets. */
  bufferBytes: number
}

/** `firstPid`: of the sandbox's first process, as the host numbers it. */
export async function heldMemory(firstPid: number, root: string, pids: string[]): Promise<HeldMemory> {
  const unnamed = new Map<string, number>()
  const [pipes, sockets] = [new Set<string>(), new Set<string>()]
  for (const pid of pids) {
    for (const [path, target] of openFiles(`${root}/proc/${pid}/fd`)) {
      if (target.startsWith('pipe:')) pipes.add(target)
      else if (target.startsWith('socket:')) sockets.add(target)
      // Deleted files of /tmp and /dev/shm are counted with those.
      else if (target.startsWith('/memfd:')) addUnnamed(unnamed, path)
    }
  }
  const inFiles = [...unnamed.values()].reduce((total, bytes) => total + bytes, 0)
  const inPipes = Math.min(pipes.size * FIRST_PIPE_BYTES, FIRST_PIPES_BYTES) + pipes.size * PIPE_BYTES
  return {
    sharedBytes: inFiles + (await systemVBytes(firstPid)),
    bufferBytes: inPipes + sockets.size * SOCKET_BYTES,
  }
}

function* openFiles(directory: string): Generator<[path: string, target: string]> {
  let names: string[] = []
  try {
    names = readdirSync(directory)
  } catch {
    // Ended meanwhile.
  }
  for (const name of names) {
    const path = `${directory}/${name}`
    try {
      yield [path, readlinkSync(path)]
    } catch {
      // Closed meanwhile.
    }
  }
}

function addUnnamed(unnamed: Map<string, number>, path: string): void {
  try {
    const { dev, ino, blocks } = statSync(path)
    unnamed.set(`${dev}:${ino}`, blocks * 512)
  } catch {
    // Closed meanwhile.
  }
}

/** Segments outlive the processes that made them, and only a process of their namespace can list them. */
async function systemVBytes(firstPid: number): Promise<number> {
  const user = process.getuid?.() === 0 ? [] : ['--user', '--preserve-credentials']
  const argv = ['nsenter', `--target=${firstPid}`, '--ipc', ...user, 'cat', '/proc/sysvipc/shm']
  const child = Bun.spawn(argv, { stdin: 'ignore', stdout: 'pipe', stderr: 'ignore' })
  const lines = (await new Response(child.stdout).text()).trim().split('\n').slice(1)
  // Columns 15 and 16: what is in memory and what is swapped out.
  return lines.reduce((total, line) => {
    const columns = line.trim().split(/\s+/)
    return total + Number(columns[14] ?? 0) + Number(columns[15] ?? 0)
  }, 0)
}
