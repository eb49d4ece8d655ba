/** Turns a line of a process' log into a short one for a person. */

const LEVELS: readonly { from: number; name: string }[] = [
  { from: 60, name: 'fatal' },
  { from: 50, name: 'error' },
  { from: 40, name: 'warn' },
]
const MAX_LENGTH = 200

export type Level = 'warn' | 'error'

/**
 * Null for what a person need not see: JSON log lines below `lowest` and blank lines. Lines that are no JSON
 * are shown as they are: something went wrong before the log was there.
 */
export function readableLine(line: string, lowest: Level = 'warn'): string | null {
  const text = line.trim()
  if (text === '') return null
  const entry = parseObject(text)
  if (!entry) return cut(text)
  const level = LEVELS.find(({ from }) => Number(entry.level) >= from)
  if (!level || (lowest === 'error' && level.name === 'warn')) return null
  const error =
    typeof entry.err === 'object' && entry.err !== null && 'message' in entry.err ? entry.err : null
  const parts = [entry.event, entry.message ?? entry.msg, error?.message]
  // The logger repeats the message of an error as its own.
  const words = new Set(parts.filter(part => typeof part === 'string'))
  return cut([level.name, ...words].join('  '))
}

function parseObject(text: string): Record<string, unknown> | null {
  if (!text.startsWith('{')) return null
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function cut(text: string): string {
  return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH - 1)}…` : text
}

/** Splits chunks of bytes into lines; the last, unfinished one waits for the next chunk. */
export function lineSplitter(onLine: (line: string) => void): (bytes: Uint8Array) => void {
  const decoder = new TextDecoder()
  let rest = ''
  return bytes => {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) onLine(line)
  }
}
