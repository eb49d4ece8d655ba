/**
 * Repositories on this machine (projects spec 3, "Local paths"). Only the real path counts: it must lie
 * inside a root the operator named, and so must the git directory behind it, which a `.git` file or a
 * symbolic link could put elsewhere, and whatever it borrows objects from.
 */
import { realpath } from 'node:fs/promises'
import { findRepository, ifThere } from '@mogplex/kit/git-remote/local-repository.ts'
import { invalidRemote } from '@mogplex/kit/git-remote/refusals.ts'
import { vetLocal } from '@mogplex/kit/git-remote/vet-local.ts'

/**
 * The real path of the bare repository or work tree at `path`, or null when there is none inside
 * `rootPaths`. Which of the two was wrong is not told. 400 `INVALID_REMOTE`, with what to do, for one that is
 * inside but must not be used.
 */
export async function findLocalRepository(
  path: string,
  rootPaths: readonly string[],
): Promise<string | null> {
  const repository = await findRepository(path)
  if (repository === null) return null
  const found = await Promise.all(rootPaths.map(root => ifThere(realpath(root))))
  const roots = found.filter(root => root !== null)
  const { gitDirectory, commonDirectory } = repository
  const places = [repository.path, gitDirectory, commonDirectory]
  if (!places.every(place => isInside(place, roots))) return null
  const verdict = await vetLocal(repository)
  if ('refusal' in verdict) throw invalidRemote(verdict.refusal)
  return verdict.objectDirectories.every(directory => isInside(directory, roots)) ? repository.path : null
}

function isInside(real: string, roots: readonly string[]): boolean {
  return roots.some(root => real === root || real.startsWith(root === '/' ? root : `${root}/`))
}
