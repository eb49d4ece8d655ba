/** Repositories of this machine that try to have a program run by whoever works with them. */
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryDirectory } from '@mogplex/kit/test-bench/ended-at-exit.ts'
import { GIT_ROOT, git } from '../../system/repositories.ts'

/** Where each program leaves a file with its name and what it saw of its environment. */
export const MARKS = temporaryDirectory('marks')

/** What has run so far. */
export const marks = () => readdirSync(MARKS).toSorted()

/** A program that leaves its mark. `then` is what it does for git to be content. */
function spy(name: string, then = 'exit 0'): string {
  return `#!/bin/sh\nenv > '${MARKS}/${name}'\n${then}\n`
}

function writeSpy(path: string, name: string, then?: string): string {
  writeFileSync(path, spy(name, then))
  chmodSync(path, 0o755)
  return path
}

/** As a setting's value: a path, or a command for the shell. */
const spyAt = (repository: string, name: string, then?: string) =>
  writeSpy(join(repository, `${name}.sh`), name, then)

const RECEIVING_HOOKS = [
  'pre-receive',
  'update',
  'post-receive',
  'post-update',
  'reference-transaction',
  'pre-auto-gc',
] as const

/** Speaks as little of the protocol as git asks for, then fails. */
const PROC_RECEIVE = 'proc-receive'

/** What a plain git runs when it pushes to {@link makeBareTrap}. */
export const BARE_PROBES = [...RECEIVING_HOOKS, PROC_RECEIVE, 'alternateRefsCommand', 'include.path'] as const
/** What a plain git runs when it pushes to {@link makeWorkTreeTrap}. */
export const WORK_TREE_PROBES = [
  'filter.smudge',
  'core.fsmonitor',
  'push-to-checkout',
  'post-checkout',
] as const

function seed(name: string): string {
  const path = join(GIT_ROOT, name)
  git(GIT_ROOT, 'init', '-q', '-b', 'main', path)
  writeFileSync(join(path, 'README.md'), 'x\n')
  writeFileSync(join(path, '.gitattributes'), '* filter=spy\n')
  writeFileSync(
    join(path, '.gitmodules'),
    `[submodule "m"]\n\tpath = m\n\turl = ext::sh -c "touch ${MARKS}/submodule"\n`,
  )
  git(path, 'add', '.')
  git(path, 'commit', '-q', '-m', 'First')
  return path
}

/** A bare repository with every hook and setting that a push to it runs. */
export function makeBareTrap(): string {
  const source = seed('trap-source')
  const path = join(GIT_ROOT, 'trap.git')
  // Borrows objects, which is what alternateRefsCommand is asked about.
  git(GIT_ROOT, 'clone', '-q', '--bare', '--shared', source, path)
  for (const hook of [...RECEIVING_HOOKS, PROC_RECEIVE]) writeSpy(join(path, 'hooks', hook), hook)
  const included = join(path, 'included')
  writeFileSync(included, `[core]\n\talternateRefsCommand = "${spyAt(path, 'include.path')}; true"\n`)
  const settings = {
    'receive.procReceiveRefs': 'refs/heads/proc',
    'core.alternateRefsCommand': spyAt(path, 'alternateRefsCommand'),
    'uploadpack.packObjectsHook': spyAt(path, 'packObjectsHook'),
    'core.fsmonitor': spyAt(path, 'bare-fsmonitor'),
    'core.sshCommand': spyAt(path, 'sshCommand'),
    'core.gitProxy': spyAt(path, 'gitProxy'),
    'credential.helper': spyAt(path, 'credential'),
    'core.pager': spyAt(path, 'pager'),
    'core.editor': spyAt(path, 'editor'),
    'gpg.program': spyAt(path, 'gpg'),
    'diff.external': spyAt(path, 'diff.external'),
    'receive.autogc': 'true',
    'gc.auto': '1',
    'gc.autoPackLimit': '1',
    'gc.autoDetach': 'false',
  }
  for (const [key, value] of Object.entries(settings)) git(path, 'config', key, value)
  // Enough loose objects for a collection of garbage.
  mkdirSync(join(path, 'objects/17'))
  for (let made = 0; made < 30; made += 1) {
    const name = `${made}`.padStart(38, '0')
    writeFileSync(join(path, 'objects/17', name), '')
  }
  return path
}

/** Has the included file's setting come last, so that it is the one in force. */
export function includeLast(path: string): void {
  git(path, 'config', 'include.path', join(path, 'included'))
}

/** A work tree that brings itself up to date when its branch is pushed to. */
export function makeWorkTreeTrap(): string {
  const path = seed('trap-tree')
  const dotGit = join(path, '.git')
  writeSpy(join(dotGit, 'hooks', 'post-checkout'), 'post-checkout')
  const settings = {
    'receive.denyCurrentBranch': 'updateInstead',
    'filter.spy.smudge': `${spyAt(dotGit, 'filter.smudge', 'cat')}`,
    'filter.spy.clean': `${spyAt(dotGit, 'filter.clean', 'cat')}`,
    'core.fsmonitor': spyAt(dotGit, 'core.fsmonitor', 'exit 1'),
  }
  for (const [key, value] of Object.entries(settings)) git(path, 'config', key, value)
  return path
}

export function addPushToCheckout(path: string): void {
  writeSpy(join(path, '.git/hooks/push-to-checkout'), 'push-to-checkout')
}
