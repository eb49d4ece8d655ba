/**
 * Repositories on this machine (projects spec 3, "Local paths"). Only the real path counts: it must lie
 * inside a root the operator named, and so must the git directory behind it, which a `.git` file or a
 * symbolic link could put elsewhere.
 */
import { readFile, realpath, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'

/**
 * The real path of the bare repository or work tree at `path`, or null when there is none inside
 * `rootPaths`. Which of the two was wrong is not told.
 */
export async function findLocalRepository(
  path: string,
  rootPaths: readonly string[],
): Promise<string | null> {
  const roots = (await Promise.all(rootPaths.map(root => ifThere(realpath(root))))).filter(
    root => root !== null,
  )
  const real = await realPathInside(path, roots)
  if (real === null) return null
  const gitDirectory = await gitDirectoryOf(real)
  if (gitDirectory === null || (await realPathInside(gitDirectory, roots)) === null) return null
  const commonDirectory = await commonDirectoryOf(gitDirectory)
  if ((await realPathInside(commonDirectory, roots)) === null) return null
  return (await looksLikeGitDirectory(gitDirectory, commonDirectory)) ? real : null
}

async function realPathInside(path: string, roots: readonly string[]): Promise<string | null> {
  const real = await ifThere(realpath(path))
  if (real === null) return null
  return roots.some(root => real === root || real.startsWith(root === '/' ? root : `${root}/`)) ? real : null
}

/** `.git` of a work tree (a directory, or a file that names one), or the path itself when it is bare. */
async function gitDirectoryOf(path: string): Promise<string | null> {
  const dotGit = join(path, '.git')
  const found = await ifThere(stat(dotGit))
  if (found === null) return path
  if (found.isDirectory()) return dotGit
  const target = /^gitdir: (.+)$/m.exec((await ifThere(readFile(dotGit, 'utf8'))) ?? '')?.[1]
  return target ? resolve(path, target) : null
}

/** A linked work tree keeps its objects and refs in the directory its `commondir` file names. */
async function commonDirectoryOf(gitDirectory: string): Promise<string> {
  const target = (await ifThere(readFile(join(gitDirectory, 'commondir'), 'utf8')))?.trim()
  return target ? resolve(gitDirectory, target) : gitDirectory
}

/** As git itself decides it. */
async function looksLikeGitDirectory(gitDirectory: string, commonDirectory: string): Promise<boolean> {
  const [head, objects, refs] = await Promise.all([
    ifThere(stat(join(gitDirectory, 'HEAD'))),
    ifThere(stat(join(commonDirectory, 'objects'))),
    ifThere(stat(join(commonDirectory, 'refs'))),
  ])
  return Boolean(head && objects?.isDirectory() && refs?.isDirectory())
}

/** Null when the path leads nowhere we may look; any other failure is a failure. */
async function ifThere<T>(operation: Promise<T>): Promise<T | null> {
  try {
    return await operation
  } catch (err) {
    const code = err instanceof Error && 'code' in err ? String(err.code) : ''
    if (['ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP', 'ENAMETOOLONG', 'EISDIR'].includes(code)) return null
    throw err
  }
}
