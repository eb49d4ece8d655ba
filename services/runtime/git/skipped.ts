/**
 * What lies in the checkout and is not in what was delivered (spec README, 43). The sandbox says which paths, in
 * notes of "<code> <path>"; the words are ours.
 */
import { firstOf } from '../events/cut-text.ts'

export interface SkippedPath {
  /** From the top of the repository; at most 300 characters, cut ones end in "…". */
  path: string
  /** For the run's owner, lower case. */
  reason: string
}

const MAX_PATHS = 100
const MAX_PATH_LENGTH = 300
const UNPRINTABLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]+/gu

const REASON_BY_CODE: Record<string, string> = {
  nested: 'the history of a repository inside the repository; its files are delivered',
  worktree: 'a linked work tree of a repository',
  unreadable: 'it cannot be read',
  special: 'neither a file, a directory nor a link',
  name: 'git does not allow the name',
  toolong: 'the path is too long',
  conflict: 'it has unresolved conflicts',
  rebase: 'it belongs to a rebase that was not finished',
  gitlink: 'a reference to another repository whose files are not here',
  lfs: 'a plain file in the place of a Git LFS pointer, and Git LFS is not available here',
  submodule: 'it lies in a submodule, whose changes are not delivered',
  branch: 'a branch with commits of its own beside the delivered one',
  other: 'git could not take it',
}

/** Not of a path: the commits were made on another branch than the working branch. */
const BESIDE = 'beside'

/** Each path once, the first reason counts; the last entry says how many are not named. */
export function readNotes(notes: Uint8Array): { skipped: SkippedPath[]; isBeside: boolean } {
  const found = new Map<string, string>()
  let isBeside = false
  for (const line of new TextDecoder().decode(notes).split('\n')) {
    const [, code, path] = /^([a-z]+) (.+)$/.exec(line) ?? []
    if (code === BESIDE) isBeside = true
    if (code === undefined || path === undefined || code === BESIDE) continue
    const shown = shownPath(path)
    if (!found.has(shown)) found.set(shown, REASON_BY_CODE[code] ?? 'git could not take it')
  }
  return { skipped: bounded([...found].map(([path, reason]) => ({ path, reason }))), isBeside }
}

/** What was found on the host beside what the sandbox has said. */
export function joinSkipped(said: SkippedPath[], gitlinks: string[]): SkippedPath[] {
  const known = new Set(said.map(({ path }) => path))
  const added = gitlinks.map(shownPath).filter(path => !known.has(path))
  return bounded([...said, ...added.map(path => ({ path, reason: REASON_BY_CODE.gitlink ?? '' }))])
}

/** For the message of an event: "; left out: a, b and 3 more", empty when nothing was. */
export function namesOfSkipped(skipped: readonly SkippedPath[]): string {
  if (skipped.length === 0) return ''
  const named = skipped.slice(0, 3).map(({ path }) => path)
  const more = skipped.length - named.length
  return `; left out: ${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}

function shownPath(path: string): string {
  const clean = path.replace(UNPRINTABLE, '?')
  return clean.length > MAX_PATH_LENGTH ? `${firstOf(clean, MAX_PATH_LENGTH - 1)}…` : clean
}

function bounded(all: SkippedPath[]): SkippedPath[] {
  if (all.length <= MAX_PATHS) return all
  const kept = all.slice(0, MAX_PATHS - 1)
  return [...kept, { path: '…', reason: `${all.length - kept.length} more paths` }]
}
