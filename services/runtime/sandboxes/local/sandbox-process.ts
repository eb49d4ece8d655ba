/** One process tree in a sandbox: from bubblewrap's start until nothing of it is left. */
import { closeSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { constants, setPriority } from 'node:os'
import type { Subprocess } from 'bun'
import type { SandboxExit, SandboxProcess } from '../provider.ts'
import { startFirstToEnd } from './limits/first-to-end.ts'
import { descendants, identify, type ProcessIdentity, signal, waitUntilGone } from './process-tree.ts'

/** Fd on which bubblewrap tells the pid of the sandbox's first process. The next one is `entry.sh`'s. */
export const INFO_FD = 3

/** Fd from which bubblewrap reads the filter of system calls. */
export const FILTER_FD = 5

const NICENESS = 5

export interface StartedProcess extends SandboxProcess {
  /** The first process of its namespace; null when it came to none. */
  first: Promise<ProcessIdentity | null>
}

/** `infoPath`: where a file may be made for a moment. */
export function startSandboxProcess(options: {
  argv: string[]
  env: Record<string, string>
  stdin: string | Promise<string> | undefined
  infoPath: string
  filter: Uint8Array
}): StartedProcess {
  const infoFd = openUnnamedFile(options.infoPath)
  const filterFd = openUnnamedFile(options.infoPath)
  // At an offset given, so that bubblewrap reads from the start.
  writeSync(filterFd, options.filter, 0, options.filter.length, 0)
  const { stdin } = options
  const child = startFirstToEnd(() =>
    Bun.spawn(options.argv, {
      cwd: '/',
      env: options.env,
      // A session of its own: ctrl-C at the terminal is the launcher's to handle, not the sandboxes'.
      detached: true,
      stdio: [
        stdin instanceof Promise ? 'pipe' : stdin ? new TextEncoder().encode(stdin) : 'ignore',
        'pipe',
        'pipe',
        infoFd,
        'pipe',
        filterFd,
      ],
    }),
  )
  closeSync(filterFd)
  yieldToServices(child.pid)
  if (stdin instanceof Promise) feed(child.stdin, stdin)
  const lifeline = child.stdio[INFO_FD + 1]
  const first = findFirstProcess(infoFd, child)
  const exited = waitForEnd(child, first).then(exit => {
    closeSync(infoFd)
    if (typeof lifeline === 'number') closeSync(lifeline)
    return exit
  })
  return {
    first,
    stdout: child.stdout,
    stderr: child.stderr,
    exited,
    async stop(graceMs) {
      const identity = await first
      if (graceMs > 0 && identity && child.exitCode === null && child.signalCode === null) {
        for (const pid of descendants(identity.pid)) signal(pid, 'SIGINT')
        await Promise.race([exited, Bun.sleep(graceMs)])
      }
      // With a namespace's first process the kernel ends all others, whatever they did to get away.
      if (identity && child.exitCode === null) signal(identity.pid, 'SIGKILL')
      else child.kill('SIGKILL')
      await exited
    },
  }
}

/**
 * Behind the services and the database when processors are short. Before bubblewrap has started anything, which
 * inherits it; nobody without rights can go back.
 */
function yieldToServices(pid: number): void {
  try {
    setPriority(pid, NICENESS)
  } catch {
    // It has ended already.
  }
}

/** Not waited for. The process may end without its input, or have closed stdin: its exit code tells. */
function feed(sink: Bun.FileSink | number | undefined, text: Promise<string>): void {
  if (!sink || typeof sink === 'number') return
  const end = async () => void (await sink.end())
  text
    .then(async input => {
      sink.write(input)
      await sink.flush()
    })
    .then(end, end)
    .catch(() => undefined)
}

/** bubblewrap ends with the program it was given; what that left running ends a moment later. */
async function waitForEnd(child: Subprocess, first: Promise<ProcessIdentity | null>): Promise<SandboxExit> {
  const exitCode = await child.exited
  const identity = await first
  if (identity) await waitUntilGone(identity)
  const name = child.signalCode === null ? signalOf(exitCode) : String(child.signalCode)
  return name === null ? { exitCode, signal: null } : { exitCode: null, signal: name }
}

/** bubblewrap exits with 128 + n when signal n ended its program, as shells do. */
function signalOf(exitCode: number): string | null {
  const names = Object.keys(constants.signals) as NodeJS.Signals[]
  return names.find(name => constants.signals[name] === exitCode - 128) ?? null
}

/**
 * A file rather than a pipe: writing to a pipe whose reader has just been killed would end bubblewrap
 * between making the namespaces and letting their first process go on, which then waits forever.
 */
function openUnnamedFile(path: string): number {
  const fd = openSync(path, 'wx+', 0o600)
  rmSync(path)
  return fd
}

/** null when bubblewrap failed before it had one, or everything is over already. */
async function findFirstProcess(infoFd: number, child: Subprocess): Promise<ProcessIdentity | null> {
  for (;;) {
    const hasEnded = child.exitCode !== null || child.signalCode !== null
    const pid = /"child-pid": (\d+)/.exec(readStart(infoFd))?.[1]
    if (pid !== undefined) return identify(Number(pid), 'bwrap')
    if (hasEnded) return null
    await Bun.sleep(1)
  }
}

function readStart(fd: number): string {
  const buffer = Buffer.alloc(512)
  return buffer.toString('latin1', 0, readSync(fd, buffer, 0, buffer.length, 0))
}
