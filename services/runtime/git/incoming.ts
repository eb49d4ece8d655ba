/**
 * Where the agent's objects are until they have been looked at: beside the mirror, not in it. What is refused is
 * gone with the directory, however much it was.
 */
import { mkdir, readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { GitHost } from './host-git.ts'
import { withPrivateDirectory } from './private-directory.ts'

export interface Incoming {
  mirror: string
  /** An object directory of its own. */
  objects: string
}

/** Calls `use` with a place for objects; what was not accepted is gone when it returns. */
export async function withIncoming<Result>(
  host: GitHost,
  mirror: string,
  use: (incoming: Incoming) => Promise<Result>,
): Promise<Result> {
  return await withPrivateDirectory(join(host.dataDirectory, 'incoming'), objects => use({ mirror, objects }))
}

/** Has git in the mirror write to the place, and read from both. */
export function incomingEnvironment({ mirror, objects }: Incoming): Record<string, string> {
  const quoted = join(mirror, 'objects').replace(/["\\]/g, '\\$&')
  return { GIT_OBJECT_DIRECTORY: objects, GIT_ALTERNATE_OBJECT_DIRECTORIES: `"${quoted}"` }
}

/** Moves the packs into the mirror; a pack counts for git once its index is there, which comes last. */
export async function acceptIncoming({ mirror, objects }: Incoming): Promise<void> {
  const [from, to] = [join(objects, 'pack'), join(mirror, 'objects', 'pack')]
  const names = await readdir(from).catch(() => [])
  const packs = names.filter(name => /^pack-[0-9a-f]+\.(pack|rev|idx)$/.test(name))
  if (packs.length > 0) await mkdir(to, { recursive: true, mode: 0o755 })
  const inOrder = packs.toSorted(
    (one, other) => Number(one.endsWith('.idx')) - Number(other.endsWith('.idx')),
  )
  for (const name of inOrder) await rename(join(from, name), join(to, name))
}
