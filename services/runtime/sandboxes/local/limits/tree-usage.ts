/**
 * What the processes of one sandbox take, read from the sandbox's own /proc: it lists them all and no other,
 * whatever they did to get away from their parents.
 */
import { readdirSync, readFileSync, statfsSync, statSync } from 'node:fs'
import { isGone, type ProcessIdentity } from '../process-tree.ts'

/** The memory of an inode that exists in a tmpfs alone, which no block is counted for. */
const TMPFS_INODE_BYTES = 1024
const PAGE_BYTES = 4096

/** One process tree of a sandbox, seen through its first process. */
export interface SeenTree {
  /** As the host numbers it. */
  firstPid: number
  /** The sandbox's own file system. */
  root: string
  /** All of its processes, as the sandbox numbers them. */
  pids: string[]
}

/** Empty while the sandbox is being built, and once it is gone. */
export function seeTree(first: ProcessIdentity): SeenTree[] {
  const root = `/proc/${first.pid}/root`
  // Until bubblewrap has changed places, all that is to be seen there is the host's.
  if (isGone(first) || statOf(`${root}/proc`)?.dev === statOf('/proc')?.dev) return []
  return [{ firstPid: first.pid, root, pids: listProcesses(root) }]
}

function listProcesses(root: string): string[] {
  try {
    return readdirSync(`${root}/proc`).filter(name => name >= '1' && name < ':')
  } catch {
    return []
  }
}

/** Threads of these processes together. */
export function countThreads(root: string, pids: string[]): number {
  // A directory has a link from each directory in it, and two of its own.
  return sum(pids, pid => (statOf(`${root}/proc/${pid}/task`)?.nlink ?? 3) - 2)
}

/** Everything they have in memory, files of the disk included: at least what is theirs, and cheap to read. */
export function residentBytes(root: string, pids: string[]): number {
  return sum(pids, pid => Number(read(`${root}/proc/${pid}/statm`).split(' ', 2)[1] ?? 0) * PAGE_BYTES)
}

/** Memory that would not be there without a sandbox's processes. */
export interface OwnMemory {
  /** Of one process each, or shared with those it was forked from. */
  privateBytes: number
  /** Mapped by several, whoever made it. */
  sharedBytes: number
}

/** What processes share is counted for each of them, so it may be too much. */
export function ownMemory(root: string, pids: string[]): OwnMemory {
  return addUp(pids.map(pid => ownOf(root, pid)))
}

/** The same with shared memory counted once. The kernel walks all their pages for it. */
export function proportionalMemory(root: string, pids: string[]): OwnMemory {
  return addUp(
    pids.map(pid => {
      const text = read(`${root}/proc/${pid}/smaps_rollup`)
      // A process can keep others from reading this, though not how much it is.
      if (!text) return ownOf(root, pid)
      return {
        privateBytes: kilobytes(text, /^(?:Pss_Anon|SwapPss):\s+(\d+)/gm),
        sharedBytes: kilobytes(text, /^Pss_Shmem:\s+(\d+)/gm),
      }
    }),
  )
}

function ownOf(root: string, pid: string): OwnMemory {
  const text = read(`${root}/proc/${pid}/status`)
  return {
    privateBytes: kilobytes(text, /^(?:RssAnon|VmSwap):\s+(\d+)/gm),
    sharedBytes: kilobytes(text, /^RssShmem:\s+(\d+)/gm),
  }
}

function addUp(all: OwnMemory[]): OwnMemory {
  return {
    privateBytes: all.reduce((sum, each) => sum + each.privateBytes, 0),
    sharedBytes: all.reduce((sum, each) => sum + each.sharedBytes, 0),
  }
}

/** What lies in the sandbox's /tmp and /dev/shm, which are memory. */
export function temporaryBytes(root: string): number {
  return sum(['/tmp', '/dev/shm'], path => {
    try {
      const { blocks, bfree, bsize, files, ffree } = statfsSync(`${root}${path}`)
      return (blocks - bfree) * bsize + (files - ffree) * TMPFS_INODE_BYTES
    } catch {
      return 0
    }
  })
}

function sum(items: string[], sizeOf: (item: string) => number): number {
  return items.reduce((total, item) => total + sizeOf(item), 0)
}

function kilobytes(text: string, lines: RegExp): number {
  return [...text.matchAll(lines)].reduce((total, [, size]) => total + Number(size) * 1024, 0)
}

/** Empty when the process ended meanwhile. */
function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

function statOf(path: string) {
  try {
    return statSync(path)
  } catch {
    return null
  }
}
