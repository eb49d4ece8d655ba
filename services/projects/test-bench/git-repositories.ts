/** Real git repositories for tests, in a directory that goes when the test file ends. */
import { afterAll } from 'bun:test'
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

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

/** Runs git in `directory`; throws with git's words when it fails. */
export function git(directory: string, ...args: string[]): string {
  const result = Bun.spawnSync(['git', ...args], { cwd: directory, env: ENVIRONMENT })
  if (!result.success) throw new Error(`git ${args.join(' ')}: ${result.stderr}`)
  return result.stdout.toString().trim()
}

/** A fresh real directory, removed after the test file. */
export function useDirectory(): string {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'projects-test-')))
  afterAll(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** A work tree with one commit on `branch`. Returns its path. */
export function makeWorkTree(parent: string, name: string, branch = 'main'): string {
  const path = join(parent, name)
  git(parent, 'init', '-q', '-b', branch, path)
  git(path, 'commit', '-q', '--allow-empty', '-m', 'First')
  return path
}

/** A bare clone of a fresh work tree with one commit on `branch`. */
export function makeBareRepository(parent: string, name: string, branch = 'main'): string {
  const source = makeWorkTree(parent, `${name}-source`, branch)
  git(parent, 'clone', '-q', '--bare', source, name)
  return join(parent, name)
}
