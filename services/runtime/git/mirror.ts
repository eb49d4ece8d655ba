/**
 * The mirror: a bare repository of our own per repository source, `<dataDirectory>/mirrors/<repoId>.git`.
 * It is the only place where host-side git works and the only one that talks to the remote. Sandboxes see
 * it read-only. Its configuration is written by us alone and holds no secret.
 */
import { chmod, mkdir, realpath, rename, rm, writeFile } from 'node:fs/promises'
import { join, sep } from 'node:path'
import type { Remote } from '@mogplex/kit/git-remote/parse-remote.ts'
import { safeDirectoryConfig } from '@mogplex/kit/git-remote/safe-directory.ts'
import { GitFailure } from './failure.ts'
import { type GitHost, globalConfigPath, runHostGit } from './host-git.ts'
import { withMirrorLock } from './mirror-lock.ts'

/**
 * `core.sharedRepository`: a sandbox's user may be another one than ours; what keeps others out is the mode
 * of `mirrors/`. Collecting garbage happens in the foreground, so that no process outlives its command.
 */
const CONFIG = `[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = true
\thooksPath = /dev/null
\tsharedRepository = 0644
[gc]
\tautoDetach = false
[http]
\tlowSpeedLimit = 100
\tlowSpeedTime = 60
[fetch]
\trecurseSubmodules = false
[push]
\trecurseSubmodules = no
\tfollowTags = false
[credential]
\thelper =
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

/** Makes the mirror if there is none, and makes sure that its configuration is ours. Returns its path. */
export async function ensureMirror(
  host: GitHost,
  repoId: string,
  remote: Remote,
  signal: AbortSignal,
): Promise<string> {
  const mirror = mirrorPath(host, repoId)
  await mkdir(join(host.dataDirectory, 'mirrors'), { recursive: true, mode: 0o700 })
  await refuseOwnFiles(host, remote)
  await writeIfDifferent(
    globalConfigPath(mirror),
    remote.kind === 'local' ? safeDirectoryConfig(remote.path) : '',
  )
  if (!(await Bun.file(join(mirror, 'HEAD')).exists())) await createMirror(host, mirror, signal)
  await writeIfDifferent(join(mirror, 'config'), CONFIG)
  return mirror
}

/** Made aside and moved into place: a mirror is there whole or not at all. */
async function createMirror(host: GitHost, mirror: string, signal: AbortSignal): Promise<void> {
  const fresh = `${mirror}.${crypto.randomUUID()}`
  await mkdir(fresh)
  try {
    await chmod(fresh, 0o755)
    const flags = ['--quiet', '--bare', '--template=', '--initial-branch=none', '--shared=0644']
    const args = ['init', ...flags, '.']
    const made = await runHostGit({ host, gitDirectory: fresh, args, signal })
    if (made.exitCode !== 0) throw new Error(`git init failed: ${made.stderr}`)
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
    await rm(globalConfigPath(mirror), { force: true })
  })
}

async function writeIfDifferent(path: string, text: string): Promise<void> {
  const file = Bun.file(path)
  if ((await file.exists()) && (await file.text()) === text) return
  const fresh = `${path}.${crypto.randomUUID()}`
  await writeFile(fresh, text)
  // The sandbox's git reads it too, whatever this process's umask.
  await chmod(fresh, 0o644)
  await rename(fresh, path)
}
