/** Reads /proc: who descends from whom, who is gone, and which processes hold a sandbox. */
import { readdirSync, readFileSync } from 'node:fs'

/** A process by pid and start time: pids are used again, the pair is not. */
export interface ProcessIdentity {
  pid: number
  startTime: string
}

interface ProcessEntry extends ProcessIdentity {
  parentPid: number
  name: string
  state: string
}

/** null when there is no such process of that name. */
export function identify(pid: number, name: string): ProcessIdentity | null {
  const entry = readEntry(pid)
  return entry?.name === name ? { pid, startTime: entry.startTime } : null
}

/** A zombie counts as gone: it runs nothing, and the first process of a namespace becomes one last. */
export function isGone(identity: ProcessIdentity): boolean {
  const entry = readEntry(identity.pid)
  return !entry || entry.startTime !== identity.startTime || entry.state === 'Z' || entry.state === 'X'
}

/** Resolves when the process is gone. */
export async function waitUntilGone(identity: ProcessIdentity): Promise<void> {
  for (let pauseMs = 1; !isGone(identity); pauseMs = Math.min(pauseMs * 2, 50)) await Bun.sleep(pauseMs)
}

/** Pids of everything below `pid`, without itself. Within a pid namespace orphans stay in the tree. */
export function descendants(pid: number): number[] {
  const entries = listPids().flatMap(each => readEntry(each) ?? [])
  const children = Map.groupBy(entries, entry => entry.parentPid)
  const found: number[] = []
  const visit = (parent: number) => {
    for (const child of children.get(parent) ?? []) {
      found.push(child.pid)
      visit(child.pid)
    }
  }
  visit(pid)
  return found
}

/** bubblewrap processes with an argument at or below this directory: the two that hold a sandbox together. */
export function findHolders(bubblewrap: string, directory: string): ProcessIdentity[] {
  return listPids().flatMap(pid => {
    const argv = readText(`/proc/${pid}/cmdline`)?.split('\0') ?? []
    const isHolder = argv[0] === bubblewrap && argv.some(text => `${text}/`.startsWith(`${directory}/`))
    return isHolder ? (identify(pid, 'bwrap') ?? []) : []
  })
}

/**
 * First processes of sandboxes whose bubblewrap is gone. Were the runtime killed at the very instruction
 * in which bubblewrap has not bound the two to each other, the first would wait for the second forever.
 */
export function findOrphans(bubblewrap: string, directory: string): ProcessIdentity[] {
  const holders = findHolders(bubblewrap, directory)
  const pids = new Set(holders.map(holder => holder.pid))
  return holders.filter(({ pid }) => {
    const isFirst = /^NSpid:.*\t1$/m.test(readText(`/proc/${pid}/status`) ?? '')
    return isFirst && !pids.has(readEntry(pid)?.parentPid ?? 0)
  })
}

/** Sends a signal; a process that is gone already is what the sender wanted. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

function listPids(): number[] {
  return readdirSync('/proc').flatMap(name => (/^\d+$/.test(name) ? Number(name) : []))
}

/** proc(5): pid (name) state ppid …, the start time is field 22. The name may hold anything. */
function readEntry(pid: number): ProcessEntry | null {
  const text = readText(`/proc/${pid}/stat`)
  if (!text) return null
  const nameEnd = text.lastIndexOf(')')
  const name = text.slice(text.indexOf('(') + 1, nameEnd)
  const fields = text.slice(nameEnd + 2).split(' ')
  return { pid, name, state: fields[0] ?? 'X', parentPid: Number(fields[1]), startTime: fields[19] ?? '' }
}

/** null when the process ended meanwhile. */
function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}
