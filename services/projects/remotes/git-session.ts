/**
 * The surroundings git runs in when it talks to a user's remote: an empty home of its own, nobody's
 * configuration, and only what the remote needs.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gitAccess } from '@mogplex/kit/git-remote/git-access.ts'
import { GIT_SEARCH_PATH } from '@mogplex/kit/git-remote/git-program.ts'
import type { ReachableRemote } from '@mogplex/kit/git-remote/reach-host.ts'
import { safeDirectoryConfig } from '@mogplex/kit/git-remote/safe-directory.ts'
import type { RemoteAuth } from '@mogplex/proto/projects.ts'

export interface GitSession {
  /** The whole environment; nothing of ours is inherited. */
  environment: Record<string, string>
  /** The address to give git, after `--`. */
  url: string
  /** A private directory, gone when the session is. */
  home: string
}

/** Runs `use` and removes the session's files afterwards, the ssh key among them, whatever happened. */
export async function withGitSession<T>(
  reachable: ReachableRemote,
  auth: RemoteAuth,
  use: (session: GitSession) => Promise<T>,
): Promise<T> {
  const { remote } = reachable
  const home = await mkdtemp(join(tmpdir(), 'mogplex-git-'))
  try {
    const configuration = join(home, 'gitconfig')
    await writeFile(configuration, remote.kind === 'local' ? safeDirectoryConfig(remote.path) : '')
    const { url, environment } = gitAccess(reachable, auth, {
      keyFile: auth.kind === 'ssh' ? await writeKey(home, auth.privateKey) : null,
      knownHostsFile: join(home, 'known_hosts'),
    })
    const clean = {
      PATH: GIT_SEARCH_PATH,
      LC_ALL: 'C',
      HOME: home,
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: configuration,
      GIT_CEILING_DIRECTORIES: dirname(home),
      GIT_TERMINAL_PROMPT: '0',
    }
    return await use({ environment: { ...clean, ...environment }, home, url })
  } finally {
    await rm(home, { recursive: true, force: true })
  }
}

async function writeKey(home: string, privateKey: string): Promise<string> {
  const path = join(home, 'key')
  await writeFile(path, privateKey, { mode: 0o600 })
  return path
}
