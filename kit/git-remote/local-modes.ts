/** Which modes the files of a local repository have, so that what we write into it has the same. */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'

/** Nobody but the owner, the group and readers: what all may write is nothing we make. */
const WIDEST = 0o775

/**
 * The umask under which git makes files and directories like those that are there: what the directory of objects
 * withholds. Its group is handed down by its setgid bit.
 */
export async function umaskOf(commonDirectory: string): Promise<number> {
  const { mode } = await stat(join(commonDirectory, 'objects'))
  return ~mode & 0o077
}

/** `core.sharedRepository` of a configuration, as it may be taken over; null where there is none worth it. */
export function sharedRepositoryOf(value: string | undefined): string | null {
  const written = value?.toLowerCase() ?? ''
  if (/^(?:group|true|1|yes|on)$/.test(written)) return 'group'
  if (/^(?:all|world|everybody|2)$/.test(written)) return 'all'
  if (!/^0?[0-7]{3}$/.test(written)) return null
  return `0${(Number.parseInt(written, 8) & WIDEST).toString(8)}`
}
