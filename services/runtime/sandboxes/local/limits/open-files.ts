/** What the processes of a sandbox hold open, as far as it is nowhere else to be seen. */
import { readdirSync, readlinkSync, statSync } from 'node:fs'
import type { SeenTree } from './tree-usage.ts'

export interface OpenFile {
  /** Leads to the file itself, whatever became of its name. */
  path: string
  /** As the kernel calls it: a path inside the sandbox, `pipe:[…]`, `/memfd:… (deleted)`. */
  target: string
}

export function openFiles(root: string, pid: string): OpenFile[] {
  const directory = `${root}/proc/${pid}/fd`
  try {
    return readdirSync(directory).flatMap(name => {
      const path = `${directory}/${name}`
      const target = linkTarget(path)
      return target === null ? [] : [{ path, target }]
    })
  } catch {
    // Ended meanwhile.
    return []
  }
}

/** What deleted files in these directories of the sandbox take of the disk: no walk through them finds it. */
export function deletedBytes(trees: SeenTree[], directories: readonly string[]): number {
  const deleted = trees.flatMap(({ root, pids }) =>
    pids.flatMap(pid =>
      openFiles(root, pid).filter(
        ({ target }) =>
          target.endsWith(' (deleted)') && directories.some(each => target.startsWith(`${each}/`)),
      ),
    ),
  )
  return sizesOf(deleted.map(({ path }) => path))
}

/** Of each file once, however often it is open. */
export function sizesOf(paths: string[]): number {
  const sizes = new Map<string, number>()
  for (const path of paths) {
    try {
      const { dev, ino, blocks } = statSync(path)
      sizes.set(`${dev}:${ino}`, blocks * 512)
    } catch {
      // Closed meanwhile.
    }
  }
  return [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0)
}

function linkTarget(path: string): string | null {
  try {
    return readlinkSync(path)
  } catch {
    return null
  }
}
