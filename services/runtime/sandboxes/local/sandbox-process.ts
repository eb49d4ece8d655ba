/** One process tree in a sandbox: from bubblewrap's start until nothing of it is left. */
import { closeSync } from 'node:fs'
import { constants } from 'node:os'
import type { Subprocess } from 'bun'
import type { SandboxExit, SandboxProcess } from '../provider.ts'
import { descendants, identify, type ProcessIdentity, signal, waitUntilGone } from './process-tree.ts'

/** Fd on which bubblewrap tells the pid of the sandbox's first process. The next one is `entry.sh`'s. */
export const INFO_FD = 3

export function startSandboxProcess(options: {
  argv: string[]
  env: Record<string, string>
  stdin: string | undefined
}): SandboxProcess {
  const child = Bun.spawn(options.argv, {
    cwd: '/',
    env: options.env,
    // A session of its own: ctrl-C at the terminal is the launcher's to handle, not the sandboxes'.
    detached: true,
    stdio: [
      options.stdin ? new TextEncoder().encode(options.stdin) : 'ignore',
      'pipe',
      'pipe',
      'pipe',
      'pipe',
    ],
  })
  const ownFds = child.stdio.slice(INFO_FD).filter(fd => typeof fd === 'number')
  const first = readFirstProcess(ownFds[0])
  const exited = waitForEnd(child, first).then(exit => {
    for (const fd of ownFds) closeSync(fd)
    return exit
  })
  return {
    stdout: child.stdout,
    stderr: child.stderr,
    exited,
    async stop(graceMs) {
      const identity = await first
      if (identity && child.exitCode === null && child.signalCode === null) {
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

/** null when bubblewrap failed before it had one, or everything is over already. */
async function readFirstProcess(fd: number | undefined): Promise<ProcessIdentity | null> {
  if (fd === undefined) return null
  const text = await Bun.file(fd).text()
  const pid: unknown = text === '' ? null : JSON.parse(text)['child-pid']
  return typeof pid === 'number' ? identify(pid) : null
}
