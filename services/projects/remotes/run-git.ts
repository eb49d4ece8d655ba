/** One git process that a stranger's server talks to: bounded in time, output and memory, ended as a group. */
import { spawn } from 'node:child_process'
import type { GitSession } from './git-session.ts'

export interface GitResult {
  /** Null when it was ended by us or by a signal. */
  exitCode: number | null
  stdout: string
  stderr: string
  /** What ended it before its time. */
  ended: 'timeout' | 'output' | null
}

export interface GitLimits {
  timeoutMs: number
  maxOutputBytes: number
  /** Address space; git keeps what a server sends in memory. Null: none. */
  maxMemoryBytes: number | null
}

/** Never throws for what git does or says; throws when git cannot be started. */
export async function runGit(session: GitSession, args: string[], limits: GitLimits): Promise<GitResult> {
  const [program = 'git', ...programArgs] = commandLine(args, limits)
  const child = spawn(program, programArgs, {
    cwd: session.home,
    env: session.environment,
    // A group of its own: git's helpers are its children and must end with it.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let ended: GitResult['ended'] = null
  const end = (reason: 'timeout' | 'output') => {
    ended ??= reason
    if (child.pid !== undefined) killGroup(child.pid)
  }
  const timer = setTimeout(() => end('timeout'), limits.timeoutMs)
  const chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] }
  let received = 0
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].on('data', (chunk: Buffer) => {
      received += chunk.length
      if (received > limits.maxOutputBytes) end('output')
      else chunks[name].push(chunk)
    })
  }
  try {
    const exitCode = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', code => resolve(code))
    })
    const text = (list: Buffer[]) => Buffer.concat(list).toString('utf8')
    return { exitCode, stdout: text(chunks.stdout), stderr: text(chunks.stderr), ended }
  } finally {
    clearTimeout(timer)
  }
}

/** `prlimit` comes with every Linux distribution's base system; where it is missing there is no bound. */
function commandLine(gitArgs: string[], { maxMemoryBytes }: GitLimits): string[] {
  const prlimit = maxMemoryBytes === null ? null : Bun.which('prlimit')
  return prlimit ? [prlimit, `--as=${maxMemoryBytes}`, 'git', ...gitArgs] : ['git', ...gitArgs]
}

function killGroup(groupId: number): void {
  try {
    process.kill(-groupId, 'SIGKILL')
  } catch (err) {
    // Gone already, which is what was wanted.
    if (!(err instanceof Error && 'code' in err && err.code === 'ESRCH')) throw err
  }
}
