/**
 * Which process a pid means. Pids are used again, so a pid remembered in a file is no reason to end a
 * process; pid and start time together are.
 */
import { readFileSync } from 'node:fs'

/** Position of the start time among the fields of /proc/<pid>/stat that follow the program's name. */
const START_TIME_FIELD = 19
const DEAD_STATES = new Set(['Z', 'X', 'x'])

/**
 * A text that is the same for the whole life of the process and different for every other process that ever
 * had or will have its pid. Null when no such process runs; one that ended and waits to be collected by its
 * parent does not run.
 */
export function identifyProcess(pid: number): string | null {
  return process.platform === 'linux' ? identifyByProc(pid) : identifyByPs(pid)
}

/** True when the process that had this pid and identity still runs. */
export function isStillRunning(known: { pid: number; identity: string }): boolean {
  return identifyProcess(known.pid) === known.identity
}

function identifyByProc(pid: number): string | null {
  const stat = readIfThere(`/proc/${pid}/stat`)
  if (stat === null) return null
  // The name is in parentheses and may hold spaces and parentheses itself.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const startTime = fields[START_TIME_FIELD]
  if (startTime === undefined || DEAD_STATES.has(fields[0] ?? '')) return null
  return `${readIfThere('/proc/sys/kernel/random/boot_id')?.trim() ?? 'boot'}:${startTime}`
}

function identifyByPs(pid: number): string | null {
  const result = Bun.spawnSync(['ps', '-o', 'stat=,lstart=', '-p', String(pid)], { env: { LC_ALL: 'C' } })
  const [state = '', ...start] = result.stdout.toString().trim().split(/\s+/)
  return result.exitCode !== 0 || start.length === 0 || state.startsWith('Z') ? null : start.join(' ')
}

/** The command line of a running process, its words parted by blanks; null when there is no such process. */
export function commandOf(pid: number): string | null {
  if (process.platform === 'linux') {
    const words = readIfThere(`/proc/${pid}/cmdline`)
    return words ? words.split('\0').join(' ').trim() : null
  }
  const result = Bun.spawnSync(['ps', '-o', 'command=', '-p', String(pid)])
  return result.exitCode === 0 ? result.stdout.toString().trim() : null
}

function readIfThere(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}
