/** Real git repositories, and how they get into an instance. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryDirectory } from '@mogplex/kit/test-bench/ended-at-exit.ts'
import { type Account, call } from './accounts.ts'
import type { System } from './launch.ts'

/** Below which {@link makeRemote} puts repositories; pass it to the instance as `LOCAL_GIT_ROOTS`. */
export const GIT_ROOT = temporaryDirectory('remotes')

const ENVIRONMENT = {
  PATH: process.env.PATH ?? '',
  HOME: '/nonexistent',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'Test',
  GIT_AUTHOR_EMAIL: 'test@example.com',
  GIT_COMMITTER_NAME: 'Test',
  GIT_COMMITTER_EMAIL: 'test@example.com',
}

export interface Remote {
  /** Of the bare repository. */
  path: string
  /** Name of its directory in {@link GIT_ROOT}. */
  name: string
  /** Commit by branch. */
  branches: () => Record<string, string>
  /** Content of a file at a branch; null when there is none. */
  read: (branch: string, file: string) => string | null
}

export interface Repository extends Remote {
  repoId: string
}

let remotes = 0

/** Runs git in `directory`; throws with git's words when it fails. */
export function git(directory: string, ...args: string[]): string {
  const result = Bun.spawnSync(['git', ...args], { cwd: directory, env: ENVIRONMENT })
  if (!result.success) throw new Error(`git ${args.join(' ')}: ${result.stderr}`)
  return result.stdout.toString().trim()
}

/** A bare repository whose `main` has one commit with a README. */
export function makeRemote(): Remote {
  remotes += 1
  const name = `remote-${remotes}.git`
  const path = join(GIT_ROOT, name)
  const seed = join(GIT_ROOT, `seed-${remotes}`)
  git(GIT_ROOT, 'init', '-q', '-b', 'main', seed)
  writeFileSync(join(seed, 'README.md'), '# A repository\n')
  git(seed, 'add', '.')
  git(seed, 'commit', '-q', '-m', 'First')
  git(GIT_ROOT, 'clone', '-q', '--bare', seed, path)
  return { path, name, branches: () => branchesOf(path), read: readFrom(path) }
}

/** A fresh remote, imported for the account by its path. `settings` are fields of `POST /api/repos`. */
export async function makeRepository(
  system: Pick<System, 'baseUrl'>,
  account: Account,
  settings: Record<string, unknown> = {},
): Promise<Repository> {
  const remote = makeRemote()
  return {
    ...remote,
    repoId: await importRepository(system, account, { remote_url: remote.path, ...settings }),
  }
}

/** `POST /api/repos`; gives the id. */
export async function importRepository(
  system: Pick<System, 'baseUrl'>,
  { token }: Pick<Account, 'token'>,
  fields: { remote_url: string } & Record<string, unknown>,
): Promise<string> {
  const json = { provider: 'git', ...fields }
  return (await call<{ id: string }>(system, 'POST', '/api/repos', { as: { token }, json })).body.id
}

function branchesOf(path: string): Record<string, string> {
  const lines = git(path, 'for-each-ref', '--format=%(refname:short) %(objectname)', 'refs/heads').split('\n')
  return Object.fromEntries(lines.map(line => line.split(' ')))
}

function readFrom(path: string) {
  return (branch: string, file: string) => {
    const shown = Bun.spawnSync(['git', 'show', `${branch}:${file}`], { cwd: path, env: ENVIRONMENT })
    return shown.success ? shown.stdout.toString() : null
  }
}
