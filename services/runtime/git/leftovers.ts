/**
 * What a run left in its checkout, as the mirror keeps it (spec README, 41): a commit with the files as they lay
 * there, on top of the commits that were not delivered.
 */
import { boundsOf } from './bounds.ts'
import { type GitHost, runHostGit } from './host-git.ts'
import { type Incoming, incomingEnvironment } from './incoming.ts'
import { mirrorPath } from './mirror.ts'
import { withMirrorLock } from './mirror-lock.ts'

/** Git's empty tree, which is in every repository. */
const EMPTY_TREE = '4b825dc642cb6eb9a060e54bf8d69288fbee4904'
const MAX_NAMED = 100
const MAX_NAME_LENGTH = 300
const PREFIX = 'refs/mogplex/leftovers/'

export interface Leftovers {
  /** The run that left them, as far as it is known. */
  leftBy: string
  /** Where the mirror keeps them. */
  ref: string
  commit: string
  /** What they are the difference to: a commit that the remote has or had, or the empty tree. */
  from: string
  /** Files that differ from that. */
  files: number
  /** What these files hold together. */
  bytes: number
  /** Paths of what could not be kept, 100 at most; a repository in the work tree loses its `.git`. */
  notKept: string[]
}

/** The mirror's ref for what a run left. Throws on an id that is no part of a ref. */
export function leftoversRef(runId: string): string {
  if (!/^[A-Za-z0-9-]{1,64}$/.test(runId)) throw new Error('Malformed run id')
  return `${PREFIX}${runId}`
}

interface Place {
  host: GitHost
  incoming: Incoming
  signal: AbortSignal
}

/**
 * Looks at a received commit: how much it differs from what the remote has or had. Null when that is more than a
 * delivery may be, or its objects are not all there.
 */
export async function measureLeftovers(
  place: Place,
  { commit, known, leftBy }: { commit: string; known: readonly string[]; leftBy: string },
): Promise<Leftovers | null> {
  const [base, message] = await Promise.all([
    readGit(place, ['merge-base', commit, ...known]),
    readGit(place, ['log', '--max-count=1', '--format=%b', commit, '--']),
  ])
  const from = base?.trim() || EMPTY_TREE
  const raw = await readGit(place, ['diff-tree', '-r', '-z', '--no-renames', from, commit, '--'])
  if (message === null || raw === null) return null
  const objects = [...raw.matchAll(/:\d+ \d+ [0-9a-f]+ ([0-9a-f]+) [A-Z]\d*\0[^\0]*\0/g)].map(
    ([, id]) => id ?? '',
  )
  const { changedFiles } = boundsOf(place.host)
  const sizes = objects.length > changedFiles ? null : await sizesOf(place, objects)
  if (sizes === null) return null
  const bytes = sizes.reduce((total, size) => total + size, 0)
  const notKept = namesIn(message)
  return { leftBy, ref: leftoversRef(leftBy), commit, from, files: objects.length, bytes, notKept }
}

/** Lines after the heading; what they say comes out of the sandbox. */
function namesIn(message: string): string[] {
  const [heading, ...names] = message.trim().split('\n')
  if (heading !== 'Not kept:') return []
  return names.slice(0, MAX_NAMED).map(name => name.slice(0, MAX_NAME_LENGTH))
}

/** A deleted file has none. */
async function sizesOf(place: Place, objects: string[]): Promise<number[] | null> {
  const wanted = objects.filter(id => !/^0+$/.test(id))
  if (wanted.length === 0) return []
  const args = ['cat-file', '--batch-check=%(objecttype) %(objectsize)', '--buffer']
  const said = await readGit(place, args, `${wanted.join('\n')}\n`)
  return said === null ? null : [...said.matchAll(/^blob (\d+)$/gm)].map(([, size]) => Number(size))
}

async function readGit(
  { host, incoming, signal }: Place,
  args: string[],
  stdin?: string,
): Promise<string | null> {
  const chunks: Uint8Array[] = []
  const onStdout = (chunk: Uint8Array) => chunks.push(chunk) > 0
  const given = async function* () {
    yield Buffer.from(stdin ?? '')
  }
  const result = await runHostGit({
    host,
    gitDirectory: incoming.mirror,
    args,
    env: incomingEnvironment(incoming),
    onStdout,
    signal,
    limits: boundsOf(host).delivery,
    ...(stdin === undefined ? {} : { stdin: given() }),
  })
  return result.exitCode === 0 ? Buffer.concat(chunks).toString() : null
}

/** Those of the commits that the mirror has. */
export async function commitsInMirror(
  { host, mirror, signal }: { host: GitHost; mirror: string; signal: AbortSignal },
  commits: readonly string[],
): Promise<string[]> {
  const stdin = (async function* () {
    yield Buffer.from(`${commits.join('\n')}\n`)
  })()
  const args = ['cat-file', '--batch-check=%(objectname) %(objecttype)']
  const { stdout } = await runHostGit({ host, gitDirectory: mirror, args, stdin, signal })
  return [...stdout.matchAll(/^([0-9a-f]{40}) commit$/gm)].map(([, commit]) => commit ?? '')
}

/** Makes the mirror keep them. Throws when it cannot. */
export async function keepLeftovers(
  { host, mirror, signal }: { host: GitHost; mirror: string; signal: AbortSignal },
  { ref, commit }: Leftovers,
): Promise<void> {
  const args = ['update-ref', ref, commit]
  const { exitCode, stderr } = await withMirrorLock(mirror, signal, () =>
    runHostGit({ host, gitDirectory: mirror, args, signal }),
  )
  if (exitCode !== 0) throw new Error(`git update-ref failed: ${stderr}`)
}

/** Lets go of them; those that are not there are fine. Waits for the mirror's writer. */
export async function forgetLeftovers(
  host: GitHost,
  { repoId, leftBy }: { repoId: string; leftBy: string },
  signal: AbortSignal,
): Promise<void> {
  const mirror = mirrorPath(host, repoId)
  if (!(await Bun.file(`${mirror}/HEAD`).exists())) return
  const args = ['update-ref', '-d', leftoversRef(leftBy)]
  const { exitCode, stderr } = await withMirrorLock(mirror, signal, () =>
    runHostGit({ host, gitDirectory: mirror, args, signal }),
  )
  if (exitCode !== 0) throw new Error(`git update-ref failed: ${stderr}`)
}
