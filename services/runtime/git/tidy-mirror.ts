/** Packs what has gathered in a mirror, and removes what a git that was ended has left of a pack. */
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { boundsOf } from './bounds.ts'
import { type GitHost, runHostGit } from './host-git.ts'

/** As git itself decides it (`gc.autoPackLimit`, `gc.auto` spread over 256 directories). */
const MAX_PACKS = 50
const MAX_LOOSE_IN_ONE = 27

/** While the mirror is locked. Whether it succeeds does not matter: the next fetch tries again. */
export async function tidyMirror(place: {
  host: GitHost
  mirror: string
  signal: AbortSignal
}): Promise<void> {
  const { host, mirror, signal } = place
  const [packs, loose] = await Promise.all(['pack', '17'].map(name => entries(join(mirror, 'objects', name))))
  const packCount = (packs ?? []).filter(name => name.endsWith('.pack')).length
  if (packCount <= MAX_PACKS && (loose ?? []).length <= MAX_LOOSE_IN_ONE) return
  const limits = boundsOf(host).fetch
  await runHostGit({ host, gitDirectory: mirror, args: ['gc', '--quiet'], signal, limits })
}

/** While the mirror is locked: nobody else writes packs into it but whole ones. */
export async function removeUnfinishedPacks(mirror: string): Promise<void> {
  const directory = join(mirror, 'objects', 'pack')
  const left = (await entries(directory)).filter(name => /^(tmp_|\.tmp-)/.test(name))
  await Promise.all(left.map(name => rm(join(directory, name), { force: true })))
}

async function entries(directory: string): Promise<string[]> {
  return await readdir(directory).catch(() => [])
}
