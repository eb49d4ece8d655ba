import { afterAll, beforeAll, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { readdir, readFile, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { GitStopped } from './failure.ts'
import { mirrorPath, mirrorRef, readMirrorRefs, removeMirror } from './mirror.ts'
import { syncCheckout } from './sync-checkout.ts'
import { type Bench, createBench, git, sourceOf } from './test-bench.ts'

let bench: Bench
beforeAll(async () => {
  bench = await createBench()
})
afterAll(() => bench.remove())

const syncFailed = (message: RegExp) =>
  expect.objectContaining({ code: 'git_sync_failed', message: expect.stringMatching(message) })

async function setUp(name: string, extra: string[] = []) {
  const remote = await bench.createRemote(name, extra)
  const run = await bench.createRun({ source: sourceOf(`file://${remote}`) })
  return { remote, run }
}

test.each([
  ['a new sandbox', true],
  ['one that was there', false],
])('in %s a branch that exists nowhere is created from the base and pushed', async (name, isNewSandbox) => {
  const { remote, run } = await setUp(name)
  const synced = await syncCheckout({ ...run.sync, isNewSandbox })
  const base = await git(remote, 'rev-parse', 'main')
  expect(synced).toEqual({
    baseBranch: 'main',
    workingBranch: 'work',
    baseCommit: base,
    headCommit: base,
    remoteCommit: base,
    freshClone: true,
  })
  expect(await git(remote, 'rev-parse', 'work')).toBe(base)
  expect(await run.agent('git branch --show-current; cat readme.md')).toBe('work\nhello')
})

test('what is pushed needs no fetch by the next sync', async () => {
  const { remote, run } = await setUp('noted')
  await syncCheckout({ ...run.sync, isNewSandbox: true })
  const noted = () => git(mirrorPath(bench.host, run.sync.repoId), 'rev-parse', mirrorRef('work'))
  expect(await noted()).toBe(await git(remote, 'rev-parse', 'work'))
  const { commit } = await run.syncAndDeliver('echo x > x')
  expect(await noted()).toBe(commit)
})

test('refs that git has packed in the mirror are found', async () => {
  const { remote, run } = await setUp('packed')
  await syncCheckout(run.sync)
  const mirror = mirrorPath(bench.host, run.sync.repoId)
  await git(mirror, 'pack-refs', '--all')
  const found = await readMirrorRefs({ ...run.sync, mirror }, ['main', 'work', 'none'])
  const base = await git(remote, 'rev-parse', 'main')
  expect(Object.fromEntries(found)).toEqual({ main: base, work: base })
})

test('without createBranch a missing branch fails, and the next sync starts from scratch', async () => {
  const { remote, run } = await setUp('missing')
  const refused = { ...run.sync, createBranch: false }
  await expect(syncCheckout(refused)).rejects.toEqual(syncFailed(/"work" does not exist/))
  expect(await git(remote, 'branch', '--list', 'work')).toBe('')
  await expect(syncCheckout(refused)).rejects.toEqual(syncFailed(/"work" does not exist/))
  expect((await syncCheckout(run.sync)).freshClone).toBe(true)
})

test('a remote branch is tracked, and fast-forwarded by the next sync', async () => {
  const { remote, run } = await setUp('track', ['work'])
  const first = await bench.commitToRemote(remote, 'work', 'one.txt')
  const sync = { ...run.sync, createBranch: false }
  expect(await syncCheckout(sync)).toMatchObject({ headCommit: first, remoteCommit: first, freshClone: true })
  expect(await run.agent('git rev-parse --abbrev-ref work@{upstream}')).toBe('origin/work')
  const second = await bench.commitToRemote(remote, 'work', 'two.txt')
  const base = await bench.commitToRemote(remote, 'main', 'three.txt')
  expect(await syncCheckout(sync)).toMatchObject({ headCommit: second, baseCommit: base, freshClone: false })
  expect(await run.agent('ls')).toBe('one.txt\nreadme.md\ntwo.txt')
  expect(await syncCheckout(sync)).toMatchObject({ headCommit: second, freshClone: false })
})

test('ignored files and the control directory do not make a checkout dirty', async () => {
  const { run } = await setUp('clean')
  await syncCheckout(run.sync)
  await run.agent(
    'mkdir -p ignored .mogplex sub/.mogplex; echo x | tee ignored/a .mogplex/mcp.json sub/.mogplex/b',
  )
  expect(await syncCheckout(run.sync)).toMatchObject({ freshClone: false })
  expect(await run.agent('cat .mogplex/mcp.json')).toBe('x')
})

test('working on the base branch makes a branch named after the call, and leaves the remote alone', async () => {
  const { remote, run } = await setUp('base')
  const synced = await syncCheckout({ ...run.sync, workingBranch: 'main', createBranch: false })
  expect(synced).toMatchObject({ workingBranch: 'mogplex/agent-0123456789ab', remoteCommit: null })
  expect(await git(remote, 'for-each-ref', '--format=%(refname)')).toBe('refs/heads/main')
})

test('an empty remote and a missing base branch are told apart', async () => {
  const empty = join(bench.root, 'empty')
  await git(bench.root, 'init', '--quiet', '--bare', '--initial-branch=main', empty)
  const run = await bench.createRun({ source: sourceOf(`file://${empty}`) })
  await expect(syncCheckout(run.sync)).rejects.toEqual(syncFailed(/has no commits/))
  const { run: other } = await setUp('nobase')
  const sync = { ...other.sync, baseBranch: 'trunk' }
  await expect(syncCheckout(sync)).rejects.toEqual(syncFailed(/base branch "trunk" does not exist/))
})

test('a missing remote, a strange address and a checkout of our own are refused', async () => {
  for (const url of [
    'file:///nowhere/at/all',
    'ext::sh -c id',
    '--upload-pack=x',
    'ftp://example.test/x',
    'https://a:b@example.test/x',
  ]) {
    const run = await bench.createRun({ source: sourceOf(url) })
    await expect(syncCheckout(run.sync)).rejects.toEqual(syncFailed(/not found|not supported/))
  }
  const { run: owner } = await setUp('inside')
  await syncCheckout(owner.sync)
  const run = await bench.createRun({ source: sourceOf(`file://${owner.workspace}`) })
  await expect(syncCheckout(run.sync)).rejects.toEqual(syncFailed(/inside the data/))
})

test('a repository whose path has odd characters is read', async () => {
  const remote = await bench.createRemote(`odd "name" it's`)
  const run = await bench.createRun({ source: sourceOf(`file://${remote}`) })
  expect(await syncCheckout(run.sync)).toMatchObject({ freshClone: true })
})

test('two runs of one repository at once both get their checkout', async () => {
  const remote = await bench.createRemote('twice')
  const source = sourceOf(`file://${remote}`)
  const branches = ['a', 'b', 'x/b/c', 'd']
  const runs = await Promise.all(
    branches.map(workingBranch => bench.createRun({ source, workingBranch, repoId: 'shared' })),
  )
  const synced = await Promise.all(runs.map(run => syncCheckout(run.sync)))
  expect(synced.map(each => each.workingBranch)).toEqual(branches)
})

test('lock files and half-done work of a killed sync do not stop the next one', async () => {
  const { remote, run } = await setUp('killed')
  await syncCheckout(run.sync)
  const commit = await bench.commitToRemote(remote, 'main', 'new.txt')
  const mirror = mirrorPath(bench.host, run.sync.repoId)
  for (const lock of ['packed-refs.lock', `${mirrorRef('main')}.lock`]) {
    await writeFile(join(mirror, lock), '')
    await utimes(join(mirror, lock), new Date(0), new Date(0))
  }
  // One that may still belong to an orphan is waited for.
  const young = new Date(Date.now() - 9_700)
  await writeFile(join(mirror, 'young.lock'), '')
  await utimes(join(mirror, 'young.lock'), young, young)
  await run.agent('touch .git/index.lock .git/mogplex-switching; rm readme.md; echo half > half.txt')
  const synced = await syncCheckout({ ...run.sync, workingBranch: 'later' })
  expect(synced).toMatchObject({ baseCommit: commit, headCommit: commit })
  expect(await run.agent('ls -A')).toBe('.git\n.gitignore\nnew.txt\nreadme.md')

  const { run: cloning } = await setUp('killed-clone')
  await cloning.agent('mkdir .git; touch .git/mogplex-cloning half.txt')
  expect(await syncCheckout(cloning.sync)).toMatchObject({ freshClone: true })
})

test('files without a repository are not cloned over before they have been put aside', async () => {
  const { run } = await setUp('files')
  await run.write('precious.txt', 'x')
  const lost = async () => {
    throw new Error('not noted')
  }
  await expect(syncCheckout({ ...run.sync, onPutAside: lost })).rejects.toThrow('not noted')
  expect(await readFile(join(run.workspace, 'precious.txt'), 'utf8')).toBe('x')
  await syncCheckout(run.sync)
  const ref = `refs/mogplex/leftovers/${run.sync.callId}`
  expect(await git(mirrorPath(bench.host, run.sync.repoId), 'show', `${ref}:precious.txt`)).toBe('x')
  expect(await run.agent('git status --porcelain; ls')).toBe('readme.md')
})

test.each([true, false])('a refused confirmation pushes nothing (new sandbox: %p)', async isNewSandbox => {
  const { remote, run } = await setUp(`refused-${isNewSandbox}`)
  const sync = { ...run.sync, isNewSandbox, confirm: async () => false }
  await expect(syncCheckout(sync)).rejects.toBeInstanceOf(GitStopped)
  expect(await git(remote, 'branch', '--list', 'work')).toBe('')
})

test('a tight umask does not lock the sandbox out of the mirror', async () => {
  const before = process.umask(0o077)
  try {
    const { run } = await setUp('umask')
    expect(await syncCheckout(run.sync)).toMatchObject({ freshClone: true })
    expect(await run.syncAndDeliver('echo x > x')).toMatchObject({ pushed: true })
  } finally {
    process.umask(before)
  }
})

test('a repository that is removed leaves no mirror, and can be synced anew', async () => {
  const { run } = await setUp('removed')
  await syncCheckout(run.sync)
  const { repoId, signal } = run.sync
  await removeMirror(bench.host, repoId, signal)
  await removeMirror(bench.host, repoId, signal)
  const left = await readdir(join(bench.host.dataDirectory, 'mirrors'))
  expect(left.filter(name => name.startsWith(`${repoId}.`))).toEqual([])
  expect(await syncCheckout(run.sync)).toMatchObject({ freshClone: false })
})

test('the mirror holds no credential-bearing configuration and only we can enter its directory', async () => {
  const { run } = await setUp('modes')
  await syncCheckout(run.sync)
  const mirrors = join(bench.host.dataDirectory, 'mirrors')
  expect((await Bun.file(mirrors).stat()).mode & 0o777).toBe(0o700)
  expect(existsSync(join(mirrorPath(bench.host, run.sync.repoId), 'hooks'))).toBe(false)
})
