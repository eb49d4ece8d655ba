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

const PAGE_BYTES = 4096
const PIECE_BYTES = 1024 * PAGE_BYTES

/** All that it can write to. Of what it merely reserved, gigabytes at times, there is nothing to read. */
function isInMemory(pid: number, wanted: Buffer): boolean {
  const files = [openIfThere(`/proc/${pid}/mem`), openIfThere(`/proc/${pid}/pagemap`)]
  const [memory, pages] = files
  try {
    if (memory === null || memory === undefined || pages === null || pages === undefined) return false
    const maps = readIfThere(`/proc/${pid}/maps`)?.toString('latin1') ?? ''
    return maps.split('\n').some(line => {
      const [, from = '0', to = '0'] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? []
      return isBetween({ memory, pages }, Number.parseInt(from, 16), Number.parseInt(to, 16), wanted)
    })
  } finally {
    for (const file of files) if (file !== null) closeSync(file)
  }
}

function isBetween(of: { memory: number; pages: number }, from: number, to: number, wanted: Buffer): boolean {
  const piece = Buffer.alloc(PIECE_BYTES + PAGE_BYTES)
  for (let at = from; at < to; at += PIECE_BYTES) {
    // Pieces overlap, lest a cut hide it.
    const length = Math.min(piece.length, to - at)
    if (!isAnyThere(of.pages, at, length)) continue
    if (piece.subarray(0, readAt(of.memory, piece, length, at)).includes(wanted)) return true
  }
  return false
}

/** proc_pid_pagemap(5): 64 bits a page, the highest two for "in memory" and "swapped out". */
function isAnyThere(pages: number, at: number, length: number): boolean {
  const entries = Buffer.alloc(Math.ceil(length / PAGE_BYTES) * 8)
  const read = readAt(pages, entries, entries.length, (at / PAGE_BYTES) * 8)
  for (let index = 7; index < read; index += 8) if ((entries[index] ?? 0) >= 0x40) return true
  return false
}

/** How much could be read. */
function readAt(file: number, into: Buffer, length: number, at: number): number {
  try {
    return readSync(file, into, 0, length, at)
  } catch {
    return 0
  }
}

function openIfThere(path: string): number | null {
  try {
    return openSync(path, 'r')
  } catch {
    return null
  }
}

function readIfThere(path: string): Buffer | null {
  try {
    return readFileSync(path)
  } catch {
    return null
  }
}
