/** Object directories a repository borrows from (`objects/info/alternates`): read with our rights as well. */
import type { Stats } from 'node:fs'
import { lstat, realpath } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { ifThere, readSmall } from './local-repository.ts'
import type { Verdict } from './vet-local.ts'

type RefuseEntry = (found: Stats, name: string, kind: 'directory' | 'file') => string | null

const FILE = 'info/alternates'
const MAX_BYTES = 65_536
const MAX_DIRECTORIES = 16
const UNREADABLE = 'the repository borrows objects in a way that is not supported (objects/info/alternates)'
const FOREIGN =
  'the repository borrows objects (objects/info/alternates) from a directory that is not there or belongs to another account'

/** Follows them as git does, each held to what `refuse` says. */
export async function vetAlternates(objects: string, refuse: RefuseEntry): Promise<Verdict> {
  const found = [objects]
  for (const directory of found) {
    const named = await alternatesOf(directory, refuse)
    if (named === null) return { refusal: UNREADABLE }
    for (const path of named) {
      const real = await ifThere(realpath(path))
      const entry = real === null ? null : await ifThere(lstat(real))
      if (real === null || entry === null || refuse(entry, 'objects', 'directory') !== null)
        return { refusal: FOREIGN }
      if (!found.includes(real)) found.push(real)
    }
    if (found.length > MAX_DIRECTORIES) return { refusal: UNREADABLE }
  }
  return { objectDirectories: found }
}

/** Null when the file is not as git writes it: a quoted path, a link, too long. */
async function alternatesOf(directory: string, refuse: RefuseEntry): Promise<string[] | null> {
  const file = join(directory, FILE)
  const entry = await ifThere(lstat(file))
  if (entry === null) return []
  const text = refuse(entry, FILE, 'file') === null ? await readSmall(file, MAX_BYTES) : null
  if (text === null) return null
  const lines = text.split('\n').filter(line => line !== '' && !line.startsWith('#'))
  if (lines.some(line => line.startsWith('"'))) return null
  return lines.map(line => resolve(directory, line))
}
