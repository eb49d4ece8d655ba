/** Searches a process of this machine for a text. As root, or as its owner. */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs'

/** `arguments`, `environment` and `memory`, each when the text is there. */
export function findInProcess(pid: number, text: string): string[] {
  const wanted = Buffer.from(text)
  const contains = (name: string) => readIfThere(`/proc/${pid}/${name}`)?.includes(wanted) ?? false
  return [
    ...(contains('cmdline') ? ['arguments'] : []),
    ...(contains('environ') ? ['environment'] : []),
    ...(isInMemory(pid, wanted) ? ['memory'] : []),
  ]
}

const PIECE_BYTES = 4 << 20

/** All that it can write to, whether it has a file behind it or not. */
function isInMemory(pid: number, wanted: Buffer): boolean {
  const maps = readIfThere(`/proc/${pid}/maps`)?.toString('latin1') ?? ''
  let memory: number
  try {
    memory = openSync(`/proc/${pid}/mem`, 'r')
  } catch {
    return false
  }
  try {
    return maps.split('\n').some(line => {
      const [, from = '0', to = '0'] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? []
      return isBetween(memory, Number.parseInt(from, 16), Number.parseInt(to, 16), wanted)
    })
  } finally {
    closeSync(memory)
  }
}

function isBetween(memory: number, from: number, to: number, wanted: Buffer): boolean {
  const piece = Buffer.alloc(PIECE_BYTES)
  // Pieces overlap, lest a cut hide it.
  for (let at = from; at < to; at += PIECE_BYTES - wanted.length) {
    let read = 0
    try {
      read = readSync(memory, piece, 0, Math.min(PIECE_BYTES, to - at), at)
    } catch {
      // Reserved, but nothing is there.
      continue
    }
    if (piece.subarray(0, read).includes(wanted)) return true
  }
  return false
}

function readIfThere(path: string): Buffer | null {
  try {
    return readFileSync(path)
  } catch {
    return null
  }
}
