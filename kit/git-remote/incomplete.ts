/** Repositories of this machine that lack objects of their own history, which nothing can then be built upon. */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ifThere, type LocalRepository, readSmall } from './local-repository.ts'

const MAX_CONFIG_BYTES = 1024 ** 2
const SHALLOW =
  'the repository is a shallow clone, without the beginning of its history; complete it (git fetch --unshallow), or use the repository it was cloned from'
const PARTIAL =
  'the repository is a partial clone (git clone --filter), without all of its objects; use a whole clone, or the repository it was cloned from'

/** Null for one that is whole as far as git marks it; otherwise what it is and what to do. */
export async function refuseIncomplete({ commonDirectory }: LocalRepository): Promise<string | null> {
  const [shallow, packs, config] = await Promise.all([
    ifThere(stat(join(commonDirectory, 'shallow'))),
    ifThere(readdir(join(commonDirectory, 'objects', 'pack'))),
    readSmall(join(commonDirectory, 'config'), MAX_CONFIG_BYTES),
  ])
  if (shallow && shallow.size > 0) return SHALLOW
  const isPromised = /^\s*(?:promisor\s*(?:=\s*"?(?:true|1|yes|on)\b|$)|partialclone\s*=)/im.test(
    config ?? '',
  )
  return isPromised || packs?.some(name => name.endsWith('.promisor')) ? PARTIAL : null
}
