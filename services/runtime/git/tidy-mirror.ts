/** Joins the packs that gather in a mirror, and removes what a git that was ended has left of one. */
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { boundsOf } from './bounds.ts'
import { type GitHost, runHostGit } from './host-git.ts'

/** As git itself decides it (`gc.autoPackLimit`). */
const MAX_PACKS = 50

/**
 * While the mirror is locked. Small packs are joined and large ones left alone, so that it takes no longer for a
 * large repository. Whether it succeeds does not matter: the next fetch tries again.
 */
export async function tidyMirror(place: {
  host: GitHost
  mirror: string
  signal: AbortSignal
}): Promise<void> {
  const { host, mirror, signal } = place
  const packs = (await packFiles(mirror)).filter(name => name.endsWith('.pack'))
  if (packs.length <= MAX_PACKS) return
  const args = ['repack', '--geometric=2', '-d', '--quiet']
  await runHostGit({ host, gitDirectory: mirror, args, signal, limits: boundsOf(host).fetch })
}

/** While the mirror is locked: nobody else writes packs into it but whole ones. */
export async function removeUnfinishedPacks(mirror: string): Promise<void> {
  const left = (await packFiles(mirror)).filter(name => /^(tmp_|\.tmp-)/.test(name))
  await Promise.all(left.map(name => rm(join(mirror, 'objects', 'pack', name), { force: true })))
}

async function packFiles(mirror: string): Promise<string[]> {
  return await readdir(join(mirror, 'objects', 'pack')).catch(() => [])
}
