/**
 * Memory that no process has mapped and that still is there for a sandbox alone: files without a name
 * (memfd_create), what waits in pipes and sockets, and System V segments. Reading it means looking at every open
 * file, so it is done rarely.
 */
import { enterIpcNamespace } from './ipc-namespace.ts'
import { openFiles, sizesOf } from './open-files.ts'

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
  const unnamed: string[] = []
  const [pipes, sockets] = [new Set<string>(), new Set<string>()]
  for (const pid of pids) {
    for (const { path, target } of openFiles(root, pid)) {
      if (target.startsWith('pipe:')) pipes.add(target)
      else if (target.startsWith('socket:')) sockets.add(target)
      // Deleted files of /tmp and /dev/shm are counted with those.
      else if (target.startsWith('/memfd:')) unnamed.push(path)
    }
  }
  const inPipes = Math.min(pipes.size * FIRST_PIPE_BYTES, FIRST_PIPES_BYTES) + pipes.size * PIPE_BYTES
  return {
    sharedBytes: sizesOf(unnamed) + (await systemVBytes(firstPid)),
    bufferBytes: inPipes + sockets.size * SOCKET_BYTES,
  }
}

/** Segments outlive the processes that made them, and only a process of their namespace can list them. */
async function systemVBytes(firstPid: number): Promise<number> {
  const entering = enterIpcNamespace(firstPid)
  if (!entering) return 0
  try {
    const argv = [...entering.argv, 'cat', '/proc/sysvipc/shm']
    const child = Bun.spawn(argv, { stdin: 'ignore', stdout: 'pipe', stderr: 'ignore' })
    const lines = (await new Response(child.stdout).text()).trim().split('\n').slice(1)
    // Columns 15 and 16: what is in memory and what is swapped out.
    return lines.reduce((total, line) => {
      const columns = line.trim().split(/\s+/)
      return total + Number(columns[14] ?? 0) + Number(columns[15] ?? 0)
    }, 0)
  } catch {
    // Without nsenter these stay unseen.
    return 0
  } finally {
    entering.close()
  }
}
