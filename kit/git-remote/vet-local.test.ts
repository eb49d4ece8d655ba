import { expect, test } from 'bun:test'
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryDirectory } from '../test-bench/ended-at-exit.ts'
import { findRepository } from './local-repository.ts'
import { serveLocal } from './serve-local.ts'
import { vetLocal } from './vet-local.ts'

const root = temporaryDirectory('vet-local')
const env = {
  PATH: process.env.PATH ?? '',
  HOME: '/nonexistent',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'Test',
  GIT_AUTHOR_EMAIL: 'test@example.com',
  GIT_COMMITTER_NAME: 'Test',
  GIT_COMMITTER_EMAIL: 'test@example.com',
}

function git(directory: string, ...args: string[]): string {
  const result = Bun.spawnSync(['git', ...args], { cwd: directory, env })
  if (!result.success) throw new Error(`git ${args.join(' ')}: ${result.stderr}`)
  return result.stdout.toString().trim()
}

function workTree(parent: string, name: string): string {
  const path = join(parent, name)
  git(parent, 'init', '-q', '-b', 'main', path)
  git(path, 'commit', '-q', '--allow-empty', '-m', 'First')
  return path
}

const home = workTree(root, 'home')
const nested = workTree(home, 'nested')

async function verdictOf(path: string) {
  const repository = await findRepository(path)
  return repository && (await vetLocal(repository))
}

function bareLayout(): string {
  const project = join(root, 'project')
  mkdirSync(project)
  git(root, 'clone', '-q', '--bare', home, join(project, '.bare'))
  writeFileSync(join(project, '.git'), 'gitdir: ./.bare\n')
  git(project, 'worktree', 'add', '-q', 'side', '-b', 'side')
  return join(project, 'side')
}

function submodule(): string {
  git(home, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', nested, 'module')
  return join(home, 'module')
}

test.each([
  ['a work tree', () => home],
  ['the .git of one', () => join(home, '.git')],
  ['one that lies inside another', () => nested],
  ['a submodule', submodule],
  ['a work tree beside the bare repository it belongs to', bareLayout],
  [
    'one that borrows objects',
    () => {
      git(root, 'clone', '-q', '--shared', home, 'borrowing')
      return join(root, 'borrowing')
    },
  ],
])('%s may be used', async (_, make) => {
  expect(await verdictOf(make())).toMatchObject({ objectDirectories: expect.any(Array) })
})

test('a bare repository inside a work tree may not, not even where nothing tracks it', async () => {
  git(root, 'clone', '-q', '--bare', home, join(home, 'x.git'))
  expect(await verdictOf(join(home, 'x.git'))).toMatchObject({
    refusal: expect.stringContaining('work tree'),
  })
})

test('what is served has the refs and the format of the repository, and none of its settings', async () => {
  const path = workTree(root, 'sha256')
  renameSync(path, `${path}.sha1`)
  git(root, 'init', '-q', '-b', 'main', '--object-format=sha256', path)
  git(path, 'commit', '-q', '--allow-empty', '-m', 'First')
  git(path, 'config', 'transfer.hideRefs', 'refs/heads')
  const served = await serveLocal(path, join(root, 'served'))
  const url = 'url' in served ? served.url : ''
  expect(git(root, 'ls-remote', url, 'refs/heads/main')).toBe(
    `${git(path, 'rev-parse', 'main')}\trefs/heads/main`,
  )
  expect(git(join(root, 'served'), 'config', '--list', '--local')).not.toContain('hiderefs')
})
