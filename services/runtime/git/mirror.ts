/**
 * The mirror: a bare repository of our own per repository source, `<dataDirectory>/mirrors/<repoId>.git`.
 * It is the only place where host-side git works and the only one that talks to the remote. Sandboxes see
 * it read-only. Its configuration is written by us alone and holds no secret.
 */
import { existsSync } from 'node:fs'
import { chmod, mkdir, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises'
import { join, sep } from 'node:path'
import type { Remote } from '@mogplex/kit/git-remote/parse-remote.ts'
import { GitFailure } from './failure.ts'
import { type GitHost, runHostGit } from './host-git.ts'
import { withMirrorLock } from './mirror-lock.ts'

/**
 * `core.sharedRepository`: a sandbox's user may be another one than ours; what keeps others out is the mode
 * of `mirrors/`.
 */
const CONFIG = `[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = true
\thooksPath = /dev/null
\tsharedRepository = 0644
`

const REPO_ID = /^[A-Za-z0-9_-]{1,64}$/

/** Where the mirror of a repository lies. Throws on an id that is not one path segment. */
export function mirrorPath(host: GitHost, repoId: string): string {
  if (!REPO_ID.test(repoId)) throw new Error('Malformed repository id')
  return join(host.dataDirectory, 'mirrors', `${repoId}.git`)
}

/** The ref that holds a remote branch; hashed, since `a` and `a/b` may follow one another on a remote. */
export function mirrorRef(branch: string): string {
  return `refs/mogplex/${new Bun.CryptoHasher('sha1').update(branch).digest('hex')}`
}

/**
 * Branch → commit, for those of the branches that the mirror has. Read from the files of refs, which spares a
 * process; once some are packed git is asked.
 */
export async function readMirrorRefs(
  { host, mirror, signal }: { host: GitHost; mirror: string; signal: AbortSignal },
  branches: string[],
): Promise<Map<string, string>> {
  const texts = await Promise.all(
    branches.map(branch => readFile(join(mirror, mirrorRef(branch)), 'utf8').catch(() => '')),
  )
  const isPacked = texts.includes('') && existsSync(join(mirror, 'packed-refs'))
  const args = ['for-each-ref', '--format=%(objectname) %(refname)', ...branches.map(mirrorRef)]
  const asked = isPacked ? await runHostGit({ host, gitDirectory: mirror, args, signal }) : null
  const found = branches.map((branch, index): [string, string | undefined] => {
    const line = asked?.stdout.split('\n').find(each => each.endsWith(` ${mirrorRef(branch)}`))
    return [branch, /^[0-9a-f]{40,64}\b/.exec(line ?? texts[index] ?? '')?.[0]]
  })
  return new Map(found.flatMap(([branch, commit]) => (commit ? [[branch, commit]] : [])))
}

/** Makes the mirror if there is none, and makes sure that its configuration is ours. Returns its path. */
export async function ensureMirror(host: GitHost, repoId: string, remote: Remote): Promise<string> {
  const mirror = mirrorPath(host, repoId)
  await mkdir(join(host.dataDirectory, 'mirrors'), { recursive: true, mode: 0o700 })
  await refuseOwnFiles(host, remote)
  if (!(await Bun.file(join(mirror, 'HEAD')).exists())) await createMirror(mirror)
  await writeIfDifferent(join(mirror, 'config'), CONFIG)
  return mirror
}

/**
 * Made aside and moved into place: a mirror is there whole or not at all. By hand, since `git init` would take
 * as long as all else that is done before the remote is asked; this is all that makes a repository.
 */
async function createMirror(mirror: string): Promise<void> {
  const fresh = `${mirror}.${crypto.randomUUID()}`
  try {
    for (const directory of ['', 'objects', 'refs']) {
      await mkdir(join(fresh, directory))
      // The sandbox's user reads them, whatever this process's umask.
      await chmod(join(fresh, directory), 0o755)
    }
    await writeIfDifferent(join(fresh, 'config'), CONFIG)
    await writeIfDifferent(join(fresh, 'HEAD'), 'ref: refs/heads/none\n')
    await rename(fresh, mirror)
  } catch (error) {
    await rm(fresh, { recursive: true, force: true })
    // Another run of the same repository was first.
    if (!(await Bun.file(join(mirror, 'HEAD')).exists())) throw error
  }
}

/**
 * A checkout of a sandbox must never serve as a remote: git would run its hooks on the host. Projects keeps
 * local sources inside `LOCAL_GIT_ROOTS`, but those may contain our own data.
 */
async function refuseOwnFiles(host: GitHost, remote: Remote): Promise<void> {
  if (remote.kind !== 'local') return
  const source = await realpath(remote.path).catch(() => {
    throw new GitFailure('git_sync_failed', 'The remote repository was not found')
  })
  const own = await realpath(host.dataDirectory)
  if (`${source}${sep}`.startsWith(`${own}${sep}`)) {
    throw new GitFailure('git_sync_failed', 'The remote repository lies inside the data of this instance')
  }
}

/** Removes what is kept of a repository; a mirror that is not there is fine. Waits for its writer. */
export async function removeMirror(host: GitHost, repoId: string, signal: AbortSignal): Promise<void> {
  const mirror = mirrorPath(host, repoId)
  await withMirrorLock(mirror, signal, async () => {
    await rm(mirror, { recursive: true, force: true })
  })
}

/** Writes a file of the mirror that the sandbox may read; whole or not at all. */
export async function writeIfDifferent(path: string, text: string): Promise<void> {
  const file = Bun.file(path)
  if ((await file.exists()) && (await file.text()) === text) return
  const fresh = `${path}.${crypto.randomUUID()}`
  await writeFile(fresh, text)
  // The sandbox's git reads it too, whatever this process's umask.
  await chmod(fresh, 0o644)
  await rename(fresh, path)
}
