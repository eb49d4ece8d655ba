/** Ends what an earlier launcher left behind when it was killed, and nothing else. */
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { POSTGRES_STOP_SIGNAL } from '@mogplex/kit/postgres-server/cluster.ts'
import { commandOf, identifyProcess, isStillRunning } from '@mogplex/kit/processes/identity.ts'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import type { RunningProcess, State } from './state.ts'

const KILL_LIMIT_MS = 5_000

/**
 * Ends the processes of `state` that still run, services first, because they are clients of the others.
 * A pid that now means another process is left alone. Resolves with the names of those it ended.
 */
export async function endLeftOvers(state: State | null): Promise<string[]> {
  const running = Object.entries(state?.processes ?? {}).filter(([, known]) => isStillRunning(known))
  const servers = new Set(['nats', 'postgres'])
  await Promise.all(running.filter(([name]) => !servers.has(name)).map(([, known]) => end(known, 'SIGKILL')))
  await Promise.all(
    running
      .filter(([name]) => servers.has(name))
      .map(([name, known]) => end(known, name === 'postgres' ? POSTGRES_STOP_SIGNAL : 'SIGTERM')),
  )
  return running.map(([name]) => name)
}

/** Asks the whole process group, waits, then insists. */
async function end(known: RunningProcess, signal: NodeJS.Signals): Promise<void> {
  signalGroup(known.pid, signal)
  if (await waitUntil(() => !isStillRunning(known), { limitMs: KILL_LIMIT_MS })) return
  signalGroup(known.pid, 'SIGKILL')
  await waitUntil(() => !isStillRunning(known), { limitMs: KILL_LIMIT_MS })
}

/**
 * Children lead process groups of their own, so this reaches what they started as well. True when there was
 * anybody to reach.
 */
export function signalGroup(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-pid, signal)
    return true
  } catch (err) {
    if (err instanceof Error && 'code' in err && err.code === 'ESRCH') return false
    throw err
  }
}

/**
 * Makes Postgres' files startable after a crash. Postgres refuses to start while the pid in its
 * `postmaster.pid` is anybody's, and after a reboot it often is. A server that really runs on these files
 * is ended first; call this only while holding the home.
 */
export async function clearStalePostmaster(directory: string): Promise<void> {
  const file = join(directory, 'postmaster.pid')
  if (!existsSync(file)) return
  const pid = Number.parseInt(readFileSync(file, 'utf8'), 10)
  const identity = pid > 1 ? identifyProcess(pid) : null
  if (identity !== null && commandOf(pid)?.includes(directory)) {
    await end({ pid, identity }, POSTGRES_STOP_SIGNAL)
  }
  rmSync(file, { force: true })
}
