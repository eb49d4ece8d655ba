/**
 * Whether git may work with a repository of this machine, with our rights (decision 16). A repository is code:
 * settings and hooks of it are never read (`serve-local.ts`), and what is read must be the property of the account
 * we run as, in a place where nobody else, and no commit, can have put it.
 */
import type { Stats } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { vetAlternates } from './alternates.ts'
import { refuseIncomplete } from './incomplete.ts'
import { ifThere, isBelowDotGit, type LocalRepository, pointedTo } from './local-repository.ts'

export type Verdict =
  | {
      /** Every directory objects are read from, `commonDirectory/objects` first. */
      objectDirectories: string[]
    }
  /** For the repo's owner: lower case, says what to do, names no path. */
  | { refusal: string }

const WORLD_WRITABLE = 0o002
const GROUP_WRITABLE = 0o020
const STICKY = 0o1000
/** 256 directories, `pack` and `info`; more are nothing that git makes. */
const MAX_OBJECT_ENTRIES = 1_024

const OTHER_OWNER =
  'the repository belongs to another account of this machine than the one this instance runs as; give it to that account (chown), or use it by https or ssh'
const OTHERS_WRITE =
  'every account of this machine can write to the repository; take that right away (chmod -R o-w), or use it by https or ssh'
const OTHERS_WRITE_ABOVE =
  'every account of this machine can replace the repository: a directory above it is writable for all; take that right away (chmod o-w)'
const PLANTED =
  'it is a bare repository inside a work tree, where a commit could have put it; move it out of there, or use it by https or ssh'
const linked = (name: string) =>
  `${name} of the repository is a symbolic link or something else that git does not make`

/** Asked before each use: what was allowed once may have been replaced. `branch` is the one to be pushed. */
export async function vetLocal(repository: LocalRepository, branch?: string): Promise<Verdict> {
  // At once: on a busy machine each look waits for its turn.
  const [parts, places, objects, incomplete, alternates] = await Promise.all([
    refuseParts(repository, branch),
    refusePlaces(repository),
    refuseObjects(repository),
    refuseIncomplete(repository),
    vetAlternates(join(repository.commonDirectory, 'objects'), refuseEntry),
  ])
  const refusal = parts ?? places ?? objects ?? incomplete
  return refusal === null ? alternates : { refusal }
}

type Kind = 'directory' | 'file' | 'either'

interface Part {
  path: string
  name: string
  kind: Kind
  /**
   * Whether those with whom the repository is shared make it anew: `git gc` and `git branch` do. Of these files we
   * read what they say of format and refs, whoever wrote it, and nothing that would be obeyed.
   */
  isShared?: boolean
}

/** What git reads or writes must be plain files and directories of ours. */
async function refuseParts(repository: LocalRepository, branch: string | undefined): Promise<string | null> {
  const group = await sharingGroup(repository)
  const refusals = await Promise.all(
    partsOf(repository, branch).map(async ({ path, name, kind, isShared }) => {
      const found = await ifThere(lstat(path))
      return found && refuseEntry(found, name, kind, isShared ? group : null)
    }),
  )
  return refusals.find(refusal => refusal !== null) ?? null
}

/** Whoever belongs to it may write the repository, because its owner, ourselves, has said so; null for nobody. */
async function sharingGroup({ commonDirectory }: LocalRepository): Promise<number | null> {
  const found = await ifThere(lstat(commonDirectory))
  return found && (found.mode & GROUP_WRITABLE) !== 0 ? found.gid : null
}

function partsOf({ path, gitDirectory, commonDirectory }: LocalRepository, branch = ''): Part[] {
  const steps = branch.split('/').map((_, index, all) => all.slice(0, index + 1).join('/'))
  const inside = (name: string, kind: Kind): Part => ({ path: join(commonDirectory, name), name, kind })
  const shared = (name: string, kind: Kind): Part => ({ ...inside(name, kind), isShared: true })
  const directories = ['objects', 'objects/pack', 'objects/info', 'refs', 'worktrees', 'reftable']
  return [
    { path, name: 'the directory', kind: 'directory' },
    { path: gitDirectory, name: 'the git directory', kind: 'directory' },
    { path: commonDirectory, name: 'the git directory', kind: 'directory' },
    { path: join(gitDirectory, 'HEAD'), name: 'HEAD', kind: 'file' },
    ...['HEAD', 'config', 'packed-refs', 'shallow'].map(name => shared(name, 'file')),
    ...directories.map(name => inside(name, 'directory')),
    // A file where refs are kept as a reftable.
    inside('refs/heads', 'either'),
    ...steps.filter(step => step !== '').map(step => shared(`refs/heads/${step}`, 'either')),
  ]
}

/** `either`: a plain file or directory. What belongs to `group` may have another owner. */
export function refuseEntry(
  found: Stats,
  name: string,
  kind: Kind,
  group: number | null = null,
): string | null {
  const isRight = (kind !== 'file' && found.isDirectory()) || (kind !== 'directory' && found.isFile())
  if (!isRight) return linked(name)
  if (found.uid !== process.geteuid?.() && found.gid !== group) return OTHER_OWNER
  return (found.mode & WORLD_WRITABLE) === 0 ? null : OTHERS_WRITE
}

/** Where it lies: not below a directory in which everybody may rename, and not where a commit could put it. */
async function refusePlaces({ path, commonDirectory }: LocalRepository): Promise<string | null> {
  const above = [...new Set([...ancestors(path), ...ancestors(commonDirectory)])]
  const [found, areWorkTrees] = await Promise.all([
    Promise.all(above.map(directory => ifThere(lstat(directory)))),
    Promise.all(ancestors(commonDirectory).map(directory => isOtherWorkTree(directory, commonDirectory))),
  ])
  if (found.some(isOpenToAll)) return OTHERS_WRITE_ABOVE
  return areWorkTrees.includes(true) && !isBelowDotGit(commonDirectory) ? PLANTED : null
}

/** Everybody may rename what lies in it. */
function isOpenToAll(found: Stats | null): boolean {
  return found !== null && (found.mode & WORLD_WRITABLE) !== 0 && (found.mode & STICKY) === 0
}

/** A `.git` file may name the very repository in question: `project/.git` that says `project/.bare`. */
async function isOtherWorkTree(directory: string, commonDirectory: string): Promise<boolean> {
  const dotGit = join(directory, '.git')
  const found = await ifThere(lstat(dotGit))
  if (found === null) return false
  const target = found.isFile() ? await pointedTo(dotGit) : null
  return (
    target === null || !(target === commonDirectory || target.startsWith(`${commonDirectory}/worktrees/`))
  )
}

/** Directories above a path, nearest first. */
function ancestors(path: string): string[] {
  const parent = dirname(path)
  return parent === path ? [] : [parent, ...ancestors(parent)]
}

/** A link among the objects would have git read, or write, somewhere else. */
async function refuseObjects({ commonDirectory }: LocalRepository): Promise<string | null> {
  const objects = join(commonDirectory, 'objects')
  const [entries, packs] = await Promise.all(
    [objects, join(objects, 'pack')].map(directory => ifThere(readdir(directory, { withFileTypes: true }))),
  )
  if ((entries ?? []).length > MAX_OBJECT_ENTRIES) return linked('objects')
  const isPlain = [...(entries ?? []), ...(packs ?? [])].every(entry => entry.isFile() || entry.isDirectory())
  return isPlain ? null : linked('objects')
}
