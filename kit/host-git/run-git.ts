/**
 * The one way of starting git on the host, where credentials are: bounded, in a process group that ends as one,
 * with an environment of its own.
 */
import { statfs, writeFile } from 'node:fs/promises'
import { setPriority } from 'node:os'
import { type GitSurroundings, gitEnvironment } from './environment.ts'
import { describeExceeded, type Exceeded, findExceeded, type Limit } from './exceeded.ts'
import { type GitLimits, limitArguments } from './limits.ts'
import { endGroup } from './process-group.ts'

export interface GitCommand extends GitSurroundings {
  /** Holds nothing that somebody else gave, unless a `--` stands before it. */
  args: string[]
  /** Bytes for stdin. Absent: empty. */
  stdin?: AsyncIterable<Uint8Array>
  /** Called with stdout as it comes; `stdout` of the result is then empty. False: it has seen enough. */
  onStdout?: (chunk: Uint8Array) => boolean
  /** Of the files that git, and what it starts, makes. Default: this process's. */
  umask?: number | undefined
  /** Ends git early; the result is then of no use. */
  signal?: AbortSignal
  limits: GitLimits
}

export interface GitResult {
  /** Null when it was ended by a signal. */
  exitCode: number | null
  stdout: string
  /** The last 16,000 characters. */
  stderr: string
  /** Which limit ended it. */
  exceeded: Exceeded | null
}

/** How many characters of stderr are kept. */
export const STDERR_TAIL = 16_000
const WATCH_DISK_MS = 500
/** Where memory runs out, the kernel ends git before any of our processes. */
const OOM_SCORE_ADJ = '700'
/** What git computes for one run must not hold up the others. */
const NICENESS = 5

/**
 * Runs git to its end, and everything it has started too. Never throws for what git does or says; throws when it
 * cannot be started.
 *
 * @example
 * const limits = { ...SMALL, timeoutMs: 15_000 }
 * await runGit({ directory, args: ['ls-remote', '--', url], settings, environment, limits })
 */
export async function runGit(command: GitCommand): Promise<GitResult> {
  const { limits } = command
  const limited = [prlimit(), ...limitArguments(limits), 'git', ...command.args]
  const child = Bun.spawn([...underUmask(command.umask), ...limited], {
    cwd: command.gitDirectory ?? command.directory,
    env: gitEnvironment(command),
    stdin: command.stdin ? 'pipe' : 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    // A group of its own: git's helpers are its children and must end with it.
    detached: true,
  })
  const spared = yieldToOthers(child.pid)
  let ended: Limit | null = null
  let ending: Promise<void> | null = null
  const end = (reason: Limit | null) => {
    ended ??= reason
    ending ??= endGroup(child.pid)
  }
  const onAbort = () => end(null)
  command.signal?.addEventListener('abort', onAbort, { once: true })
  if (command.signal?.aborted) onAbort()
  const timer = setTimeout(() => end('time'), limits.timeoutMs)
  const watch = setInterval(
    () => void isDiskFull(command).then(isFull => isFull && end('disk')),
    WATCH_DISK_MS,
  )
  if (command.stdin) feed(child.stdin, command.stdin)
  try {
    const reading = readOutput(child.stdout, command, () => end('output'))
    const [stdout, stderr] = await Promise.all([reading, tail(child.stderr), child.exited, spared])
    await ending
    const { exitCode, signalCode } = child
    const limit = ended ?? findExceeded(signalCode, exitCode, stderr)
    return { exitCode, stdout, stderr, exceeded: limit && describeExceeded(limit, limits) }
  } finally {
    clearTimeout(timer)
    clearInterval(watch)
    command.signal?.removeEventListener('abort', onAbort)
  }
}

/** A shell that becomes what follows: the umask of this process is one for all its threads. */
function underUmask(umask: number | undefined): string[] {
  if (umask === undefined) return []
  return ['/bin/sh', '-c', 'umask "$1" && shift && exec "$@"', 'sh', umask.toString(8).padStart(4, '0')]
}

function prlimit(): string {
  const path = Bun.which('prlimit')
  if (path) return path
  throw new Error('prlimit is missing: install the package util-linux')
}

/** Before git has children, which inherit it. */
async function yieldToOthers(pid: number): Promise<void> {
  try {
    setPriority(pid, NICENESS)
    await writeFile(`/proc/${pid}/oom_score_adj`, OOM_SCORE_ADJ)
  } catch {
    // It has ended already.
  }
}

async function isDiskFull({ directory, gitDirectory, limits }: GitCommand): Promise<boolean> {
  const found = await statfs(gitDirectory ?? directory).catch(() => null)
  return found !== null && found.bavail * found.bsize < limits.freeDiskBytes
}

async function readOutput(
  stream: ReadableStream<Uint8Array>,
  { onStdout, limits }: GitCommand,
  onTooMuch: () => void,
): Promise<string> {
  const chunks: Uint8Array[] = []
  let received = 0
  for await (const chunk of stream) {
    received += chunk.byteLength
    const isWanted = onStdout ? onStdout(chunk) : received <= limits.outputBytes
    if (!isWanted) onTooMuch()
    else if (!onStdout) chunks.push(chunk)
  }
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
