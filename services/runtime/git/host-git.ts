/**
 * Git as a process of the host. It only ever works in our own bare mirrors, with a clean environment, and
 * never in a checkout an agent can write to: the host holds credentials, the checkout holds surprises.
 */
import { GIT_SEARCH_PATH } from '@mogplex/kit/git-remote/git-program.ts'
import type { HostRules } from '@mogplex/kit/git-remote/reach-host.ts'
import { GitStopped, throwIfStopped } from './failure.ts'

/** What host-side git needs to know of the instance, and which remote hosts it may connect to. */
export interface GitHost extends HostRules {
  /** Absolute; `mirrors/` and `known_hosts` live below. */
  dataDirectory: string
  /** Search path, and where needed CA settings, of host-side git. Default: a plain PATH. */
  environment?: Record<string, string>
}

export interface HostGitCommand {
  host: GitHost
  /** The mirror the command works in. */
  gitDirectory: string
  args: string[]
  /** Added to the clean environment; the place for credentials (never `args`). */
  env?: Record<string, string>
  /** Bytes for stdin. Absent: empty. */
  stdin?: AsyncIterable<Uint8Array>
  /** Called with stdout as it comes; `stdout` of the result is then empty. */
  onStdout?: (chunk: Uint8Array) => void
  signal: AbortSignal
  /** Wall-clock limit in ms. Default 10 minutes. */
  timeoutMs?: number
}

export interface HostGitResult {
  exitCode: number
  stdout: string
  /** The last 16,000 characters. */
  stderr: string
  timedOut: boolean
}

const DEFAULT_TIMEOUT_MS = 10 * 60_000
const KILL_AFTER_MS = 2_000
const LOOK_AGAIN_MS = 10
const MAX_STDOUT_BYTES = 8 * 1024 * 1024
const STDERR_TAIL = 16_000

/** Global configuration of host-side git for one mirror; holds `safe.directory` of a local source only. */
export function globalConfigPath(gitDirectory: string): string {
  return `${gitDirectory}config`
}

/**
 * Runs git to its end. Throws {@link GitStopped} once `signal` is aborted and all of git is gone: SIGTERM to the whole process group, so that git removes its lock files, SIGKILL to what is left.
 */
export async function runHostGit(command: HostGitCommand): Promise<HostGitResult> {
  throwIfStopped(command.signal)
  const child = Bun.spawn(['git', ...command.args], {
    cwd: command.gitDirectory,
    env: environment(command),
    stdin: command.stdin ? 'pipe' : 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    detached: true,
  })
  const timeout = AbortSignal.timeout(command.timeoutMs ?? DEFAULT_TIMEOUT_MS)
  const either = AbortSignal.any([command.signal, timeout])
  const group = { ended: Promise.resolve() }
  const end = () => {
    group.ended = endGroup(child.pid)
  }
  either.addEventListener('abort', end, { once: true })
  if (command.stdin) feed(child.stdin, command.stdin)
  const output = command.onStdout ? pass(child.stdout, command.onStdout) : collect(child.stdout)
  const [stdout, stderr, exitCode] = await Promise.all([output, tail(child.stderr), child.exited])
  either.removeEventListener('abort', end)
  await group.ended
  if (command.signal.aborted) throw new GitStopped()
  return { exitCode, stdout, stderr, timedOut: timeout.aborted }
}

function environment(command: HostGitCommand): Record<string, string> {
  return {
    PATH: GIT_SEARCH_PATH,
    ...command.host.environment,
    ...command.env,
    // Not the operator's: ~/.netrc, ~/.gitconfig and ~/.config/git would lend credentials and helpers.
    HOME: '/nonexistent',
    LC_ALL: 'C',
    GIT_DIR: command.gitDirectory,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_SYSTEM: '/dev/null',
    GIT_CONFIG_GLOBAL: globalConfigPath(command.gitDirectory),
    GIT_TERMINAL_PROMPT: '0',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_LFS_SKIP_SMUDGE: '1',
  }
}

/** Resolves once no process of the group is left, or SIGKILL was the last word. */
async function endGroup(leader: number): Promise<void> {
  const deadline = performance.now() + KILL_AFTER_MS
  let isAlive = signalGroup(leader, 'SIGTERM')
  while (isAlive && performance.now() < deadline) {
    await Bun.sleep(LOOK_AGAIN_MS)
    isAlive = signalGroup(leader, 0)
  }
  if (isAlive) signalGroup(leader, 'SIGKILL')
}

/** False when the group, which is named after its leader, is gone. */
function signalGroup(leader: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-leader, signal)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false
    throw error
  }
}

/**
 * Not waited for: git may have enough before the source ends. A source that breaks, or a pipe that git has
 * closed, ends stdin; git's exit code then says what came of it.
 */
function feed(sink: Bun.FileSink | undefined, chunks: AsyncIterable<Uint8Array>): void {
  if (!sink) return
  const write = async () => {
    for await (const chunk of chunks) {
      // Both may wait for the pipe, and either may find it closed.
      await sink.write(chunk)
      await sink.flush()
    }
  }
  const end = async () => {
    await sink.end()
  }
  write()
    .then(end, end)
    .catch(() => undefined)
}

async function pass(stream: ReadableStream<Uint8Array>, onChunk: (chunk: Uint8Array) => void) {
  for await (const chunk of stream) onChunk(chunk)
  return ''
}

async function collect(stream: ReadableStream<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of stream) {
    size += chunk.byteLength
    if (size <= MAX_STDOUT_BYTES) chunks.push(chunk)
  }
  if (size > MAX_STDOUT_BYTES) throw new Error('git wrote more than expected')
  return Buffer.concat(chunks).toString('utf8')
}

/** The last part of a stream as text; keeps no more than that in memory. */
export async function tail(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of stream)
    text = (text + decoder.decode(chunk, { stream: true })).slice(-STDERR_TAIL)
  return text
}
