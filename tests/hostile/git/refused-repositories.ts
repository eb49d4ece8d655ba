/** Repositories of this machine that must not be used at all, and what the person is told. */
import { chmodSync, chownSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { temporaryDirectory } from '@mogplex/kit/test-bench/ended-at-exit.ts'
import { GIT_ROOT, git, makeRemote } from '../../system/repositories.ts'

export interface RefusedRepository {
  attempt: string
  words: RegExp
  /** Makes it; gives the `remote_url`. */
  make: () => string
  /** Only root can make it. */
  needsRoot?: boolean
}

const STRANGER = 65_534
const LINK = /symbolic link or something else/
const ELSEWHERE = /not a git repository inside one of the directories/
const OWNER = /belongs to another account .*\(chown\)/
const PLANTED = /bare repository inside a work tree/

/** A fresh bare repository. */
const bare = () => makeRemote().path

/** A directory of the test's in which repositories may lie. */
function place(): string {
  const path = join(GIT_ROOT, crypto.randomUUID())
  mkdirSync(path)
  return path
}

/** Moves a part of a repository away and puts a link there. */
function linked(part: string): string {
  const path = bare()
  const elsewhere = join(place(), 'part')
  renameSync(join(path, part), elsewhere)
  symlinkSync(elsewhere, join(path, part))
  return path
}

function changed(change: (path: string) => void): string {
  const path = bare()
  change(path)
  return path
}

/** A branch that somebody has checked out, with a directory in it that is a bare repository. */
function planted(inside = 'evil.git'): string {
  const tree = join(place(), 'tree')
  git(GIT_ROOT, 'init', '-q', tree)
  const path = join(tree, inside)
  mkdirSync(dirname(path), { recursive: true })
  renameSync(bare(), path)
  git(tree, 'add', '-f', inside)
  git(tree, 'commit', '-q', '-m', 'Add a directory')
  return path
}

function fifo(part: string): string {
  return changed(path => {
    rmSync(join(path, part), { force: true })
    Bun.spawnSync(['mkfifo', join(path, part)])
  })
}

function borrowing(from: string): string {
  return changed(path => writeFileSync(join(path, 'objects/info/alternates'), `${from}\n`))
}

/** Outside of what the instance may use. */
function foreignObjects(): string {
  const path = temporaryDirectory('private')
  git(path, 'init', '-q', '--bare', 'private.git')
  return join(path, 'private.git/objects')
}

export const REFUSED: RefusedRepository[] = [
  {
    attempt: 'of another account',
    words: OWNER,
    needsRoot: true,
    make: () => changed(path => chownSync(path, STRANGER, STRANGER)),
  },
  {
    attempt: 'whose objects are of another account',
    words: OWNER,
    needsRoot: true,
    make: () => changed(path => chownSync(join(path, 'objects'), STRANGER, STRANGER)),
  },
  {
    attempt: 'whose settings are of another account',
    words: OWNER,
    needsRoot: true,
    make: () => changed(path => chownSync(join(path, 'config'), STRANGER, STRANGER)),
  },
  { attempt: 'planted in a branch that is checked out', words: PLANTED, make: () => planted() },
  { attempt: 'planted deep in a branch', words: PLANTED, make: () => planted('a/b/evil') },
  {
    attempt: 'that all may write',
    words: /every account .* write/,
    make: () => changed(path => chmodSync(path, 0o777)),
  },
  {
    attempt: 'in a directory in which all may rename',
    words: /can replace the repository/,
    make: () => {
      const open = place()
      renameSync(bare(), join(open, 'x.git'))
      chmodSync(open, 0o777)
      return join(open, 'x.git')
    },
  },
  { attempt: 'whose objects lie behind a link', words: LINK, make: () => linked('objects') },
  { attempt: 'whose packs lie behind a link', words: LINK, make: () => linked('objects/pack') },
  { attempt: 'whose refs lie behind a link', words: LINK, make: () => linked('refs') },
  { attempt: 'whose branches lie behind a link', words: LINK, make: () => linked('refs/heads') },
  { attempt: 'whose HEAD lies behind a link', words: LINK, make: () => linked('HEAD') },
  { attempt: 'whose settings lie behind a link', words: LINK, make: () => linked('config') },
  {
    attempt: 'with a pack of somebody else behind a link',
    words: LINK,
    make: () =>
      changed(path => symlinkSync('/etc/shadow', join(path, 'objects/pack', `pack-${'0'.repeat(40)}.pack`))),
  },
  {
    attempt: 'with a directory of objects behind a link',
    words: LINK,
    make: () =>
      changed(path => {
        rmSync(join(path, 'objects/fe'), { recursive: true, force: true })
        symlinkSync(foreignObjects(), join(path, 'objects/fe'))
      }),
  },
  { attempt: 'whose settings are a pipe', words: LINK, make: () => fifo('config') },
  { attempt: 'whose HEAD is a pipe', words: LINK, make: () => fifo('HEAD') },
  { attempt: 'whose packed refs are a pipe', words: LINK, make: () => fifo('packed-refs') },
  {
    attempt: 'that borrows the objects of a private one',
    words: ELSEWHERE,
    make: () => borrowing(foreignObjects()),
  },
  {
    attempt: 'that borrows from another account',
    words: /borrows objects/,
    needsRoot: true,
    make: () => {
      const lender = bare()
      chownSync(join(lender, 'objects'), STRANGER, STRANGER)
      return borrowing(join(lender, 'objects'))
    },
  },
  {
    attempt: 'that borrows in a way nobody can follow',
    words: /borrows objects/,
    make: () => borrowing('"/tmp\\057x"'),
  },
  {
    attempt: 'whose .git file names one outside',
    words: ELSEWHERE,
    make: () => {
      const tree = place()
      writeFileSync(join(tree, '.git'), `gitdir: ${foreignObjects().replace(/\/objects$/, '')}\n`)
      return tree
    },
  },
  { attempt: 'named by a helper of git', words: /must not contain/, make: () => `ext::sh -c touch% /tmp/x` },
  { attempt: 'named as an option', words: /hyphen/, make: () => '--upload-pack=touch /tmp/x' },
]
