/** What git is given when it talks to a user's remote: a directory of its own, and only what the remote needs. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type GitAccess, gitAccess } from '@mogplex/kit/git-remote/git-access.ts'
import type { ReachableRemote } from '@mogplex/kit/git-remote/reach-host.ts'
import { remoteUnreachable } from '@mogplex/kit/git-remote/refusals.ts'
import { serveLocal } from '@mogplex/kit/git-remote/serve-local.ts'
import type { RemoteAuth } from '@mogplex/proto/projects.ts'

export interface GitSession extends GitAccess {
  /** A private directory, gone when the session is. */
  directory: string
}

/** Runs `use` and removes the session's files afterwards, the ssh key among them, whatever happened. */
export async function withGitSession<T>(
  reachable: ReachableRemote,
  auth: RemoteAuth,
  use: (session: GitSession) => Promise<T>,
): Promise<T> {
  const { remote } = reachable
  const directory = await mkdtemp(join(tmpdir(), 'mogplex-git-'))
  try {
    const access = gitAccess(reachable, auth, {
      keyFile: auth.kind === 'ssh' ? await writeKey(directory, auth.privateKey) : null,
      knownHostsFile: join(directory, 'known_hosts'),
    })
    if (remote.kind !== 'local') return await use({ ...access, directory })
    const served = await serveLocal(remote.path, join(directory, 'served'))
    if ('refusal' in served) throw remoteUnreachable(served.refusal)
    return await use({ ...access, url: served.url, directory })
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function writeKey(directory: string, privateKey: string): Promise<string> {
  const path = join(directory, 'key')
  await writeFile(path, privateKey, { mode: 0o600 })
  return path
}
