/**
 * What a repository keeps elsewhere and a checkout therefore does not have: the content of submodules and of files
 * in Git LFS. The sandbox names it (`content.sh`); here it becomes events.
 */

export interface MissingContent {
  /** Paths, for people: cut where they are long. */
  submodules: string[]
  lfsFiles: string[]
}

/** More are counted as "more". */
const MAX_NAMED = 20
const UNPRINTABLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]+/gu

/** From the lines after the first of what the checkout script says; null when nothing is missing. */
export function readMissing(said: string): MissingContent | null {
  const named = (kind: string) =>
    said
      .split('\n')
      .filter(line => line.startsWith(`${kind} `))
      .map(line => line.slice(kind.length + 1).replace(UNPRINTABLE, ' '))
      .slice(0, MAX_NAMED + 1)
  const missing = { submodules: named('submodule'), lfsFiles: named('lfs') }
  return missing.submodules.length + missing.lfsFiles.length > 0 ? missing : null
}

/** A message and what else an event says, for each kind that is missing. */
export function describeMissing({ submodules, lfsFiles }: MissingContent) {
  const notices: { message: string; payload: Record<string, unknown> }[] = []
  if (submodules.length > 0) {
    const message = `Submodules are not fetched, their directories are empty: ${listed(submodules)}`
    notices.push({ message, payload: { submodules: submodules.slice(0, MAX_NAMED) } })
  }
  if (lfsFiles.length > 0) {
    const message = `Files in Git LFS are not fetched, the checkout has their pointers; changes to them are not delivered: ${listed(lfsFiles)}`
    notices.push({ message, payload: { lfs_files: lfsFiles.slice(0, MAX_NAMED) } })
  }
  return notices
}

function listed(paths: string[]): string {
  const more = paths.length > MAX_NAMED ? ' and more' : ''
  return `${paths.slice(0, MAX_NAMED).join(', ')}${more}`
}
