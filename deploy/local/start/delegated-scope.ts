/**
 * A part of the tree of cgroups for the runtime to divide between sandboxes, had from systemd: the runtime is
 * started in a scope of its own with `Delegate=yes`. Where that cannot be, it is started as it is, and measures
 * what sandboxes take.
 */
import { existsSync } from 'node:fs'
import { basename } from 'node:path'
import { findExecutable } from '@mogplex/kit/processes/find-executable.ts'
import { findOwnCgroup, isDelegated } from '@mogplex/kit/processes/own-cgroup.ts'
import type { Environment } from '../child-environment.ts'
import type { StartedAs } from '../supervisor/supervise.ts'

/** Where everything reads the tree, systemd first of all. */
const UNIFIED = '/sys/fs/cgroup'
/** There as long as systemd is the machine's manager (sd_booted(3)). */
const SYSTEMD_RUNS = '/run/systemd/system'
const NEEDED = ['memory', 'pids', 'cpu']
const PROBE_LIMIT_MS = 3_000

const SCOPE = ['--scope', '--quiet', '--collect', '--no-ask-password', '--property=Delegate=yes']
/** How systemd-run finds the manager of an ordinary user, and what it adds: nothing of that is the runtime's. */
const WAYS_TO_MANAGER = ['XDG_RUNTIME_DIR', 'DBUS_SESSION_BUS_ADDRESS']
const ADDED = 'INVOCATION_ID'
/** Prints the controllers of the cgroup that it runs in. */
const PROBE = `cat "${UNIFIED}$(sed -n 's/^0:://p' /proc/self/cgroup)/cgroup.controllers"`

/** How a command is started now. */
export type Place = (plain: StartedAs) => Promise<StartedAs>

/**
 * Asks systemd anew each time: its manager of an ordinary user ends with the last login. systemd-run replaces
 * itself with the command, so pid, streams and signals stay the command's own. `own` is the launcher's environment;
 * `onTrouble` hears at most once why there is no scope where systemd should give one.
 */
export function placeInScope(options: {
  isWanted: boolean
  own: Environment
  onTrouble: (text: string) => void
}): Place {
  const { isWanted, own, onTrouble } = options
  let hasTold = false
  return async plain => {
    const scope = isWanted ? findScope(own) : null
    if (!scope || (await hasPartAlready(scope))) return plain
    const trouble = await tryScope(scope)
    if (trouble === null) {
      const withoutWays = [...WAYS_TO_MANAGER, ADDED].flatMap(name => ['-u', name])
      return {
        command: [...scope.command, scope.env, ...withoutWays, ...plain.command],
        environment: { ...plain.environment, ...scope.waysToManager },
      }
    }
    if (!hasTold) onTrouble(`${trouble}; what sandboxes take is measured`)
    hasTold = true
    return plain
  }
}

interface Scope {
  /** Goes before the command that is to run in the scope. */
  command: readonly string[]
  waysToManager: Environment
  /** The program env. */
  env: string
  /** Where the launcher is. */
  directory: string
}

/** Null where systemd has no scope for us to give, or none is needed. */
function findScope(own: Environment): Scope | null {
  if (process.platform !== 'linux' || !existsSync(SYSTEMD_RUNS)) return null
  const systemdRun = findExecutable('systemd-run')
  const env = findExecutable('env')
  const cgroup = findOwnCgroup()
  if (!systemdRun || !env || cgroup?.mountPoint !== UNIFIED || isDelegated(cgroup.directory)) return null
  const isRoot = process.getuid?.() === 0
  if (!isRoot && !own.XDG_RUNTIME_DIR) return null
  const ways = isRoot ? [] : WAYS_TO_MANAGER.filter(name => own[name] !== undefined)
  return {
    command: [systemdRun, ...(isRoot ? [] : ['--user']), ...SCOPE, '--'],
    waysToManager: Object.fromEntries(ways.map(name => [name, own[name]])),
    env,
    directory: cgroup.directory,
  }
}

/** The manager of an ordinary user marks no directory, so it is asked. */
async function hasPartAlready({ directory, waysToManager }: Scope): Promise<boolean> {
  const systemctl = findExecutable('systemctl')
  if (!systemctl || !directory.includes(`/user@${process.getuid?.()}.service/`)) return false
  const question = [systemctl, '--user', 'show', '--property=Delegate', '--value', '--', basename(directory)]
  const { output } = await ask(question, waysToManager)
  return output.trim() === 'yes'
}

/** Null when a scope can be had and has what is needed; else what is the matter. */
async function tryScope({ command, waysToManager }: Scope): Promise<string | null> {
  const { output, errors, exitCode } = await ask([...command, '/bin/sh', '-c', PROBE], waysToManager)
  if (exitCode === null) return 'systemd does not answer'
  if (exitCode !== 0) return `systemd gives no cgroup (${errors.trim().split('\n').at(-1)})`
  const lacking = NEEDED.filter(name => !output.trim().split(' ').includes(name))
  return lacking.length > 0 ? `systemd delegates no controller ${lacking.join(', ')} to this user` : null
}

/** `exitCode` is null when it took too long. */
async function ask(command: string[], waysToManager: Environment) {
  const child = Bun.spawn(command, {
    env: { PATH: process.env.PATH, LC_ALL: 'C', ...waysToManager },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    timeout: PROBE_LIMIT_MS,
    killSignal: 'SIGKILL',
  })
  const [output, errors] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return { output, errors, exitCode: child.signalCode === null ? child.exitCode : null }
}
