/** Looks at the processes of this machine from outside of all sandboxes. Linux, as root or as their owner. */
import { readdirSync, readFileSync } from 'node:fs'

export interface SeenProcess {
  pid: number
  parentPid: number
  /** Program and arguments, parted by blanks. */
  command: string
}

/** Everything that runs now; what has ended and waits for its parent does not. */
export function allProcesses(): SeenProcess[] {
  return readdirSync('/proc').flatMap(name => {
    if (!/^\d+$/.test(name)) return []
    const stat = readIfThere(`/proc/${name}/stat`)
    const [state, parentPid] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (!parentPid || state === 'Z' || state === 'X') return []
    const command = readIfThere(`/proc/${name}/cmdline`).replaceAll('\0', ' ').trim()
    return [{ pid: Number(name), parentPid: Number(parentPid), command }]
  })
}

/** The processes with a text among their arguments. */
export function processesWith(text: string): SeenProcess[] {
  return allProcesses().filter(({ command }) => command.includes(text))
}

/** All that descend from a process. */
export function descendantsOf(pid: number): SeenProcess[] {
  const byParent = Map.groupBy(allProcesses(), process => process.parentPid)
  const below = (parent: number): SeenProcess[] =>
    (byParent.get(parent) ?? []).flatMap(child => [child, ...below(child.pid)])
  return below(pid)
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
