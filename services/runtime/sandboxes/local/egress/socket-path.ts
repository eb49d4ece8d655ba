/** Where a Unix socket lies, for whoever connects to it: getpeername(2) tells the path it was bound to. */
import { closeSync, constants, openSync } from 'node:fs'
import { basename, dirname } from 'node:path'

/**
 * Lets a socket be bound under a path that says nothing of the host's directories. It lies at `path` all
 * the same, however long that is.
 */
export async function bindUnnamed<Bound>(
  path: string,
  bind: (path: string) => Bound | Promise<Bound>,
): Promise<Bound> {
  const directory = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    return await bind(`/proc/self/fd/${directory}/${basename(path)}`)
  } finally {
    closeSync(directory)
  }
}
