import { expect, test } from 'bun:test'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { git, makeBareRepository, makeWorkTree, useDirectory } from '../test-bench/git-repositories.ts'
import { findLocalRepository } from './local-repository.ts'

const directory = useDirectory()
const root = join(directory, 'root')
const outside = join(directory, 'outside')
const neighbour = join(directory, 'root-neighbour')
for (const path of [root, outside, neighbour]) mkdirSync(path)
const find = (path: string) => findLocalRepository(path, [root])

test('a bare repository and a work tree inside a root are found by their real paths', async () => {
  const bare = makeBareRepository(root, 'bare.git')
  const tree = makeWorkTree(root, 'tree')
  symlinkSync(bare, join(directory, 'link-into-root'))
  expect(await find(bare)).toBe(bare)
  expect(await find(`${tree}/`)).toBe(tree)
  expect(await find(`${root}/../root/tree`)).toBe(tree)
  expect(await find(join(directory, 'link-into-root'))).toBe(bare)
})

test('the root may itself be the repository, and may be named by a symbolic link', async () => {
  const tree = makeWorkTree(outside, 'whole')
  symlinkSync(outside, join(directory, 'root-link'))
  expect(await findLocalRepository(tree, [tree])).toBe(tree)
  expect(await findLocalRepository(tree, [join(directory, 'missing'), join(directory, 'root-link')])).toBe(
    tree,
  )
})

test('nothing outside the roots is found, however it is reached', async () => {
  const tree = makeWorkTree(outside, 'tree')
  makeWorkTree(neighbour, 'tree')
  symlinkSync(tree, join(root, 'link-out'))
  expect(await find(tree)).toBeNull()
  expect(await find(join(neighbour, 'tree'))).toBeNull()
  expect(await find(join(root, 'link-out'))).toBeNull()
  expect(await find(`${root}/../outside/tree`)).toBeNull()
  expect(await findLocalRepository(tree, [])).toBeNull()
})

test('a git directory that lies elsewhere is not reached through a path inside', async () => {
  const tree = makeWorkTree(outside, 'real')
  mkdirSync(join(root, 'git-file'))
  writeFileSync(join(root, 'git-file', '.git'), `gitdir: ${tree}/.git\n`)
  mkdirSync(join(root, 'git-link'))
  symlinkSync(join(tree, '.git'), join(root, 'git-link', '.git'))
  git(tree, 'worktree', 'add', '-q', join(root, 'linked'), '-b', 'linked')
  expect(await find(join(root, 'git-file'))).toBeNull()
  expect(await find(join(root, 'git-link'))).toBeNull()
  expect(await find(join(root, 'linked'))).toBeNull()
})

test('a linked work tree of a repository inside is found', async () => {
  const tree = makeWorkTree(root, 'main-tree')
  git(tree, 'worktree', 'add', '-q', join(root, 'second-tree'), '-b', 'second')
  expect(await find(join(root, 'second-tree'))).toBe(join(root, 'second-tree'))
})

test('what is missing, a file, or no repository is not found', async () => {
  mkdirSync(join(root, 'empty'))
  writeFileSync(join(root, 'file'), '')
  expect(await find(join(root, 'missing'))).toBeNull()
  expect(await find(join(root, 'empty'))).toBeNull()
  expect(await find(join(root, 'file'))).toBeNull()
  expect(await find(join(root, 'file', 'below'))).toBeNull()
  expect(await find(`${root}/${'a'.repeat(300)}`)).toBeNull()
})
