/** Finds the repository behind a path of this machine. Whether it may be used is for `vet-local.ts` to say. */
import { readFile, realpath, stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'

/** All paths are real. */
export interface LocalRepository {
  /** The top of the work tree, or the git directory itself where that was named. */
  path: string
  /** Holds HEAD. */
  gitDirectory: string
  /** Holds objects and refs; another one for a linked work tree. */
  commonDirectory: string
}

const MAX_POINTER_BYTES = 4_096

/** Null when there is no repository at the path, or none that we may look at. */
export async function findRepository(path: string): Promise<LocalRepository | null> {
  const real = await ifThere(realpath(path))
  const found = real === null ? null : await gitDirectoryOf(real)
  const gitDirectory = found === null ? null : await ifThere(realpath(found))
  if (real === null || gitDirectory === null) return null
  const commonDirectory = await commonDirectoryOf(gitDirectory)
  if (commonDirectory === null || !(await isGitDirectory(gitDirectory, commonDirectory))) return null
  return { path: real, gitDirectory, commonDirectory }
}

/** `.git` of a work tree (a directory, or a file that names one), or the path itself when it is bare. */
async function gitDirectoryOf(path: string): Promise<string | null> {
  const dotGit = join(path, '.git')
  const found = await ifThere(stat(dotGit))
  if (found === null) return path
  return found.isDirectory() ? dotGit : await pointedTo(dotGit)
}

/** Where a `.git` file points to; null when it is none. */
export async function pointedTo(dotGit: string): Promise<string | null> {
  const target = /^gitdir: (.+)$/m.exec((await readSmall(dotGit)) ?? '')?.[1]
  return target ? resolve(dotGit, '..', target) : null
}

/** A linked work tree keeps its objects and refs in the directory its `commondir` file names. */
async function commonDirectoryOf(gitDirectory: string): Promise<string | null> {
  const target = (await readSmall(join(gitDirectory, 'commondir')))?.trim()
  return target ? await ifThere(realpath(resolve(gitDirectory, target))) : gitDirectory
}

/** As git itself decides it. */
async function isGitDirectory(gitDirectory: string, commonDirectory: string): Promise<boolean> {
  const [head, objects, refs] = await Promise.all([
    ifThere(stat(join(gitDirectory, 'HEAD'))),
    ifThere(stat(join(commonDirectory, 'objects'))),
    ifThere(stat(join(commonDirectory, 'refs'))),
  ])
  return Boolean(head && objects?.isDirectory() && refs?.isDirectory())
}

/** Text of a regular file; null for anything else: a FIFO would hold us, a device would never end. */
export async function readSmall(path: string, maxBytes = MAX_POINTER_BYTES): Promise<string | null> {
  const found = await ifThere(stat(path))
  if (!found?.isFile() || found.size > maxBytes) return null
  return await ifThere(readFile(path, 'utf8'))
}

/** Whether the git directory is kept where no commit can put files: git refuses to track a `.git`. */
export function isBelowDotGit(directory: string): boolean {
  return basename(directory) === '.git' || directory.includes('/.git/')
}

/** Null when the path leads nowhere we may look; any other failure is a failure. */
export async function ifThere<T>(operation: Promise<T>): Promise<T | null> {
  try {
    return await operation
  } catch (err) {
    const code = err instanceof Error && 'code' in err ? String(err.code) : ''
    if (['ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP', 'ENAMETOOLONG', 'EISDIR'].includes(code)) return null
    throw err
  }
}
