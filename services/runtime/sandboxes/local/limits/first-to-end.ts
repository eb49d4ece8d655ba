/** Has the kernel, when the host is short of memory, end what runs in sandboxes before anything else. */
import { readFileSync, writeFileSync } from 'node:fs'

const OWN = '/proc/self/oom_score_adj'
const FIRST = '1000'

/**
 * Calls `start`, and what is started meanwhile has it from its first instruction on: it is inherited, so this
 * process has it too for that moment. /proc is read-only in a sandbox, so nobody there can go back.
 */
export function startFirstToEnd<Started>(start: () => Started): Started {
  const before = write(FIRST)
  try {
    return start()
  } finally {
    if (before !== null) write(before)
  }
}

/** What it was; null where the kernel has no such thing or does not let us. */
function write(value: string): string | null {
  try {
    const before = readFileSync(OWN, 'utf8').trim()
    writeFileSync(OWN, value)
    return before
  } catch {
    return null
  }
}
