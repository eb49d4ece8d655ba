/**
 * Tags of a remote, for version tools in the checkout. The mirror follows those that point at what it fetches, as
 * git does by itself: they come with the branches, on the same connection. What the remote's tags were then is noted
 * beside them, so that tags that have not changed cost nothing, neither here nor in the sandbox (`tags.sh`).
 */
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { sha256Hex } from '@mogplex/kit/ids.ts'
import { type GitHost, runHostGit } from './host-git.ts'
import { writeIfDifferent } from './mirror.ts'
import { withMirrorLock } from './mirror-lock.ts'

/** What `git ls-remote` is asked for besides branches. */
export const TAGS_PATTERN = 'refs/tags/*'

const NOTE = 'mogplex-tags'
/** Of a remote without tags; it also is what a mirror without a note has. */
const NO_TAGS = 'none'

export interface RemoteTags {
  /** Ref → the object it names; empty where there are more than may be taken: each is a file in the mirror. */
  objects: ReadonlyMap<string, string>
  isTooMany: boolean
}

/** The tags among what `git ls-remote` has listed. */
export function tagsAmong(
  refs: Iterable<readonly [ref: string, object: string]>,
  maxTags: number,
): RemoteTags {
  const objects = new Map<string, string>()
  for (const [ref, object] of refs) {
    if (!ref.startsWith('refs/tags/') || ref.endsWith('^{}')) continue
    objects.set(ref, object)
    if (objects.size > maxTags) return { objects: new Map(), isTooMany: true }
  }
  return { objects, isTooMany: false }
}

/** Whether the remote's tags are what they were when the mirror last took some. */
export async function areTagsNoted(mirror: string, tags: RemoteTags): Promise<boolean> {
  const noted = await readFile(join(mirror, NOTE), 'utf8').catch(() => `${NO_TAGS}\n`)
  return noted === noteOf(tags)
}

/** After the fetch into a new mirror, which did not yet know how many there are. */
export async function noteFirstTags(
  { mirror, signal }: { mirror: string; signal: AbortSignal },
  tags: RemoteTags,
): Promise<void> {
  if (!tags.isTooMany) return await noteTags(mirror, tags)
  await withMirrorLock(mirror, signal, () =>
    rm(join(mirror, 'refs', 'tags'), { recursive: true, force: true }),
  )
}

/** After a fetch that has followed tags. */
export async function noteTags(mirror: string, tags: RemoteTags): Promise<void> {
  if (!(await areTagsNoted(mirror, tags))) await writeIfDifferent(join(mirror, NOTE), noteOf(tags))
}

function noteOf({ objects }: RemoteTags): string {
  const lines = [...objects].map(([ref, object]) => `${object} ${ref}\n`).toSorted()
  return `${lines.length === 0 ? NO_TAGS : sha256Hex(lines.join(''))}\n`
}

/**
 * Removes the mirror's tags that the remote has no more, or has elsewhere: git follows only tags that it does not
 * have. Before the fetch, while the mirror is locked.
 */
export async function dropChangedTags(
  place: { host: GitHost; mirror: string; signal: AbortSignal },
  tags: RemoteTags,
): Promise<void> {
  const { host, mirror: gitDirectory, signal } = place
  const format = '--format=%(objectname) %(refname)'
  const listed = await runHostGit({ host, gitDirectory, args: ['for-each-ref', format, 'refs/tags'], signal })
  const known = listed.stdout.split('\n').filter(Boolean)
  const gone = known.flatMap(line => {
    const [object = '', ref = ''] = line.split(' ')
    return tags.objects.get(ref) === object ? [] : [`delete ${ref}\n`]
  })
  if (gone.length === 0) return
  const stdin = (async function* () {
    yield new TextEncoder().encode(gone.join(''))
  })()
  await runHostGit({ host, gitDirectory, args: ['update-ref', '--stdin'], stdin, signal })
}
