/** A repository of this machine tries to have the product run its programs, by settings and hooks. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { chownSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryDirectory } from '@mogplex/kit/test-bench/ended-at-exit.ts'
import { type Account, OPEN_DOORS, send, signUpWithToken } from '../../system/accounts.ts'
import { type System, startSystem } from '../../system/launch.ts'
import { git, importRepository, makeRemote } from '../../system/repositories.ts'
import { type Run, startRun, waitForEnd } from '../../system/runs.ts'
import { STAGE_SETTINGS } from '../../system/stages.ts'
import {
  addPushToCheckout,
  BARE_PROBES,
  includeLast,
  MARKS,
  makeBareTrap,
  makeWorkTreeTrap,
  marks,
  WORK_TREE_PROBES,
} from './hostile-repository.ts'
import { REFUSED } from './refused-repositories.ts'

setDefaultTimeout(180_000)

let system: System
let account: Account
/** What had run when the product was done with both repositories. */
let ranForUs: string[]
/** What a plain git runs in them, which shows that the traps are traps. */
let ranForPlainGit: Set<string>
let delivered: Run
let refused: Run
let proc: Run
beforeAll(async () => {
  system = await startSystem({ env: { ...OPEN_DOORS, ...STAGE_SETTINGS } })
  account = await signUpWithToken(system)
  const [bare, tree] = [makeBareTrap(), makeWorkTreeTrap()]
  for (const mark of marks()) rmSync(join(MARKS, mark))
  const [bareId, treeId] = await Promise.all(
    [bare, tree].map(path => importRepository(system, account, { remote_url: path })),
  )
  delivered = await runOn(bareId ?? '', { createBranch: true })
  proc = await runOn(bareId ?? '', { createBranch: true, baseBranch: 'main', workingBranch: 'proc' })
  git(tree, 'branch', 'other')
  // The branch that is checked out, which the repository wants to be told of.
  refused = await runOn(treeId ?? '', { createBranch: false, baseBranch: 'other', workingBranch: 'main' })
  ranForUs = marks()
  pushPlainly(bare, tree)
  ranForPlainGit = new Set(marks())
})
afterAll(() => system.stop())

async function runOn(repoId: string, fields: Record<string, unknown>): Promise<Run> {
  const { runId } = await startRun(system, account, { repoId, prompt: 'write new.txt new', ...fields })
  return await waitForEnd(system, account, runId)
}

/** Whether it succeeds does not matter. */
function pushPlainly(bare: string, tree: string): void {
  const push = (from: string, to: string, ref: string) => {
    const commit = git(from, 'commit-tree', '-m', 'y', '-p', 'main', 'main^{tree}')
    Bun.spawnSync(['git', 'push', '-q', to, `+${commit}:refs/heads/${ref}`], { cwd: from })
  }
  const clone = temporaryDirectory('plain')
  git(clone, 'clone', '-q', '--bare', tree, 'clone')
  const from = join(clone, 'clone')
  push(from, bare, 'plain')
  push(from, bare, 'proc')
  includeLast(bare)
  push(from, bare, 'plain2')
  pushFile(from, tree, 'a.txt')
  addPushToCheckout(tree)
  pushFile(from, tree, 'b.txt')
  Bun.spawnSync(['git', 'checkout', '-q', 'other'], { cwd: tree })
}

/** A commit with a new file, so that the work tree has something to write. */
function pushFile(from: string, to: string, file: string): void {
  const blob = git(from, 'rev-parse', 'main:README.md')
  const entries = `${git(from, 'ls-tree', 'main')}\n100644 blob ${blob}\t${file}\n`
  const tree = Bun.spawnSync(['git', 'mktree'], { cwd: from, stdin: Buffer.from(entries) })
  const commit = git(from, 'commit-tree', '-m', file, '-p', 'main', tree.stdout.toString().trim())
  git(from, 'update-ref', 'refs/heads/main', commit)
  Bun.spawnSync(['git', 'push', '-q', to, 'main:refs/heads/main'], { cwd: from })
}

test.each([...BARE_PROBES, ...WORK_TREE_PROBES])('a repository tries to run a program by %s', probe => {
  expect([...ranForPlainGit]).toContain(probe)
  expect(ranForUs).not.toContain(probe)
})

test.each([
  'packObjectsHook',
  'bare-fsmonitor',
  'sshCommand',
  'gitProxy',
  'credential',
  'pager',
  'editor',
  'gpg',
  'diff.external',
  'filter.clean',
  'submodule',
])('a repository tries to run a program by its setting for %s', probe => {
  expect(ranForUs).not.toContain(probe)
})

test('a repository with traps is used all the same, and none of them saw an environment', () => {
  expect(delivered).toMatchObject({ status: 'success', delivery: { pushed: true, changedFiles: 1 } })
  expect(proc).toMatchObject({ status: 'success', delivery: { pushed: true } })
  expect(ranForUs).toEqual([])
})

test('a work tree tries to be changed by a push to the branch that is checked out', () => {
  expect(refused).toMatchObject({
    status: 'failed',
    error: expect.stringMatching(
      /delivery failed: the branch "main" is checked out in .*\/trap-tree; switch that/,
    ),
  })
})

const isRoot = process.getuid?.() === 0
const makeable = REFUSED.filter(({ needsRoot }) => isRoot || !needsRoot)

test.each(makeable)('a person imports a repository $attempt', async ({ make, words }) => {
  const json = { provider: 'git', remote_url: make() }
  const answer = await send(system, 'POST', '/api/repos', { as: account, json })
  const text = await answer.text()
  expect(answer.status).toBe(400)
  expect(text).toMatch(words)
  expect(text).toContain('INVALID_REMOTE')
})

test.if(isRoot)('a repository is given to another account after it was imported', async () => {
  const { path } = makeRemote()
  const repoId = await importRepository(system, account, { remote_url: path })
  chownSync(path, 65_534, 65_534)
  const run = await runOn(repoId, { createBranch: true })
  expect(run).toMatchObject({ status: 'failed' })
  expect(run.error).toMatch(/another account|may be used|no longer/)
})

test.each(['--upload-pack=touch', '-c core.x=y', 'a..b', 'ext::sh'])(
  'a branch is called %s',
  async branch => {
    const { path } = makeRemote()
    const repoId = await importRepository(system, account, { remote_url: path })
    const json = { harness: 'echo', repoId, prompt: 'say x', createBranch: true, workingBranch: branch }
    const headers = { 'idempotency-key': crypto.randomUUID() }
    const answer = await send(system, 'POST', '/api/v1/mogplex/runs', { as: account, json, headers })
    expect(answer.status).toBe(400)
  },
)
