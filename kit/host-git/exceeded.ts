/** Which limit has ended git, and how that is told. */
import type { GitLimits } from './limits.ts'

export type Limit = 'time' | 'processor' | 'memory' | 'size' | 'depth' | 'output' | 'disk'

export interface Exceeded {
  limit: Limit
  /** To follow a noun, e.g. "the remote": lower case, with the bound that was reached. */
  text: string
}

/** Said by git of itself, or of a process it has started and that was ended. */
const PROCESSOR = /died of signal 24\b/
const SIZE = /died of signal 25\b|pack exceeds maximum allowed size|File too large/i
const MEMORY = /died of signal 9\b|out of memory|cannot allocate memory|mmap failed|unable to create thread/i
/** Git goes down trees by recursion, and dies where its stack ends. */
const DEPTH = /died of signal 11\b|exceeded maximum allowed tree depth/i
const DISK = /No space left on device|Disk quota exceeded/i

/** What git died of, as far as its signal and its last words tell; null for an ordinary end. */
export function findExceeded(
  signal: NodeJS.Signals | number | null,
  exitCode: number | null,
  stderr: string,
): Limit | null {
  if (exitCode === 0) return null
  // What a remote says of its own limits, or a hook makes up, is not about this process.
  const own = ownLines(stderr)
  // Git passes the signal that a program of its has died of on as a shell does.
  const died = (name: string, number: number) => signal === name || exitCode === 128 + number
  if (died('SIGXCPU', 24) || PROCESSOR.test(own)) return 'processor'
  if (died('SIGXFSZ', 25) || SIZE.test(own)) return 'size'
  if (DISK.test(own)) return 'disk'
  if (isSilent(own)) return 'size'
  if (died('SIGSEGV', 11) || DEPTH.test(own)) return 'depth'
  return died('SIGKILL', 9) || MEMORY.test(own) ? 'memory' : null
}

function ownLines(stderr: string): string {
  const lines = stderr.split(/[\r\n]+/)
  return lines.filter(line => !/^remote:|^(?:fatal|error): remote error:/.test(line)).join('\n')
}

/**
 * A fetch does not tell the signal that ended its `git index-pack`, which says nothing itself then. That is the
 * limit of files, which is reached long before that of processor time.
 */
function isSilent(stderr: string): boolean {
  const complaints = stderr.match(/^(fatal|error):.*$/gm) ?? []
  return complaints.length === 1 && /invalid index-pack output/.test(complaints[0] ?? '')
}

/** Puts a limit into words. */
export function describeExceeded(limit: Limit, limits: GitLimits): Exceeded {
  return { limit, text: textOf(limit, limits) }
}

function textOf(limit: Limit, limits: GitLimits): string {
  switch (limit) {
    case 'time':
      return `took longer than the ${Math.round(limits.timeoutMs / 1_000)} s allowed here`
    case 'processor':
      return `needed more than the ${limits.cpuSeconds} s of processor time allowed here`
    case 'memory':
      return `needed more than the ${inMebibytes(limits.memoryBytes)} of memory allowed here`
    case 'size':
      return `exceeded the ${inMebibytes(limits.fileBytes)} allowed here`
    case 'depth':
      return 'has directories nested deeper than git can follow'
    case 'output':
      return 'sent too much'
    case 'disk':
      return "needed more than the free space of this instance's disk"
  }
}

function inMebibytes(bytes: number): string {
  return `${Math.round(bytes / 1024 ** 2)} MiB`
}
