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
    for (const [start, end] of presentRuns(of.pages, at, length)) {
      if (piece.subarray(0, readAt(of.memory, piece, end - start, start)).includes(wanted)) return true
    }
  }
  return false
}

/**
 * From where to where there are pages; reading others would make them. proc_pid_pagemap(5): 64 bits a page, the
 * highest two for "in memory" and "swapped out".
 */
function presentRuns(pages: number, at: number, length: number): [start: number, end: number][] {
  const entries = Buffer.alloc(Math.ceil(length / PAGE_BYTES) * 8)
  const read = readAt(pages, entries, entries.length, (at / PAGE_BYTES) * 8)
  const runs: [start: number, end: number][] = []
  for (let index = 0; index * 8 + 7 < read; index += 1) {
    if ((entries[index * 8 + 7] ?? 0) < 0x40) continue
    const start = at + index * PAGE_BYTES
    const last = runs.at(-1)
    if (last && last[1] === start) last[1] += PAGE_BYTES
    else runs.push([start, start + PAGE_BYTES])
  }
  return runs
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
