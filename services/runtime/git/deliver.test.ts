import { afterAll, beforeAll, expect, test } from 'bun:test'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Collector, holdCollector } from './collect.ts'
import { commitMessage } from './commit-message.ts'
import { deliver } from './deliver.ts'
import { deliveryFailure, GitStopped } from './failure.ts'
import { pushBranch } from './push.ts'
import { syncCheckout } from './sync-checkout.ts'
import { type Bench, createBench, git, sourceOf } from './test-bench.ts'

let bench: Bench
beforeAll(async () => {
  bench = await createBench()
})
afterAll(() => bench.remove())

const failed = (message: RegExp) =>
  expect.objectContaining({
    code: 'delivery_failed',
    message: expect.stringMatching(
      new RegExp(`^The agent finished, but delivery failed: .*${message.source}`),
    ),
  })

async function setUp(name: string, extra: string[] = []) {
  const remote = await bench.createRemote(name, extra)
  const run = await bench.createRun({ source: sourceOf(`file://${remote}`) })
  return { remote, run }
}

test('every change, new files included, is committed as the owner and pushed', async () => {
  const { remote, run } = await setUp('all')
  const delivery = await run.syncAndDeliver(
    'echo more >> readme.md; mkdir -p sub ignored .mogplex sub/.mogplex; echo n > sub/new.txt; echo i > ignored/i;' +
      'echo c | tee .mogplex/mcp.json sub/.mogplex/x; git add -f .mogplex; rm .gitignore; echo /ignored > .gitignore',
  )
  expect(delivery).toEqual({
    branch: 'work',
    commit: await git(remote, 'rev-parse', 'work'),
    pushed: true,
    changed: true,
    changedFiles: 3,
    pullRequestUrl: null,
    skipped: [],
    note: null,
  })
  expect(await git(remote, 'log', '-1', '--format=%an <%ae> %cn <%ce>|%B', 'work')).toBe(
    'Ada Owner <ada@example.test> Ada Owner <ada@example.test>|Do the thing',
  )
  const files = await git(remote, 'diff', '--name-only', 'main', 'work')
  expect(files.split('\n')).toEqual(['.gitignore', 'readme.md', 'sub/new.txt'])
})

test('a collector that waits takes what is there once it is let go, one that could not start is replaced', async () => {
  const { remote, run } = await setUp('waiting')
  const checkout = await syncCheckout(run.sync)
  const collector = holdCollector(run.delivery(checkout))
  await collector
  await run.agent('echo x > x')
  expect(await deliver(run.delivery(checkout, { collector }))).toMatchObject({ changedFiles: 1 })
  expect(await git(remote, 'log', '-1', '--format=%s', 'work')).toBe('Do the thing')
  const again = await syncCheckout(run.sync)
  await run.agent('echo y > y')
  const broken = Promise.reject<Collector>(new Error('no process'))
  expect(await deliver(run.delivery(again, { collector: broken }))).toMatchObject({ changedFiles: 2 })
})

test('a collector that is discarded commits nothing', async () => {
  const { run } = await setUp('discarded')
  const checkout = await syncCheckout(run.sync)
  await run.agent('echo x > x')
  const collector = await holdCollector(run.delivery(checkout))
  await collector.discard()
  expect(await run.agent('git rev-parse HEAD; git status --porcelain')).toBe(`${checkout.baseCommit}\n?? x`)
})

test('files that are only called like the control directory are delivered, one of the agent in it is not', async () => {
  const { remote, run } = await setUp('called-like')
  const script = 'mkdir -p .mogplex a.mogplex; touch .mogplex/x a.mogplex/y .mogplexed; git add -f .mogplex'
  expect(await run.syncAndDeliver(script)).toMatchObject({ changedFiles: 2 })
  const only = 'mkdir -p sub/.mogplex; echo z > sub/.mogplex/z; git reset -q'
  expect(await run.syncAndDeliver(only)).toMatchObject({ changed: false })
  expect(await git(remote, 'ls-tree', '-r', '--name-only', 'work')).not.toMatch(/(^|\/)\.mogplex\//m)
})

test("the agent's own commits are pushed as they are, and the base branch stays", async () => {
  const { remote, run } = await setUp('own')
  const base = await git(remote, 'rev-parse', 'main')
  const delivery = await run.syncAndDeliver(
    'for i in 1 2; do echo $i > $i; git add .; git commit -qm "c $i"; done',
  )
  expect(delivery).toMatchObject({ changed: true, changedFiles: 2 })
  expect(await git(remote, 'log', '--format=%s', 'main..work')).toBe('c 2\nc 1')
  expect(await git(remote, 'rev-parse', 'main')).toBe(base)
})

test('nothing done is not changed, before and after an earlier delivery', async () => {
  const { remote, run } = await setUp('nothing')
  const base = await git(remote, 'rev-parse', 'main')
  const unchanged = { pushed: false, changed: false, changedFiles: 0 }
  expect(await run.syncAndDeliver('true')).toMatchObject({ ...unchanged, commit: base })
  const first = await run.syncAndDeliver('echo a > a')
  expect(await run.syncAndDeliver('true')).toMatchObject({ ...unchanged, commit: first.commit })
  expect(await run.syncAndDeliver('echo b > b')).toMatchObject({ changed: true, changedFiles: 2 })
})

test('a SAFE run delivers nothing, whatever lies in the checkout', async () => {
  const { remote, run } = await setUp('safe')
  expect(await run.syncAndDeliver('echo a > a', { mode: 'SAFE' })).toMatchObject({
    changed: false,
    pushed: false,
  })
  expect(await git(remote, 'rev-list', '--count', 'work')).toBe('1')
  expect(await run.agent('git status --porcelain')).toBe('?? a')
})

test('the invented branch of a run on the base branch is pushed by its delivery', async () => {
  const remote = await bench.createRemote('invented')
  const run = await bench.createRun({ source: sourceOf(`file://${remote}`), workingBranch: 'main' })
  expect(await run.syncAndDeliver('echo a > a')).toMatchObject({
    branch: 'mogplex/agent-0123456789ab',
    pushed: true,
  })
  expect(await git(remote, 'rev-list', '--count', 'main')).toBe('1')
})

test.each([
  ['committed', 'mkdir .mogplex; echo x > .mogplex/x; git add -f .; git commit -qm x'],
  ['nested', 'mkdir -p a/.mogplex; echo x > a/.mogplex/x; git add -f .; git commit -qm x'],
  ['as a link', 'ln -s / .mogplex; git add -f .; git commit -qm x'],
  [
    'undone later',
    'mkdir .mogplex; echo x > .mogplex/x; git add -f .; git commit -qm x; git rm -rq .mogplex; git commit -qm y',
  ],
  [
    'hidden in a merge',
    'git checkout -qb side; mkdir .mogplex; echo x > .mogplex/x; git add -f .; git commit -qm x; git rm -rq .mogplex;' +
      'echo s > s; git add s; git commit -qm y; git checkout -q work; echo w > w; git add w; git commit -qm w; git merge -q side',
  ],
])('a control directory %s fails the delivery', async (how, script) => {
  const { remote, run } = await setUp(`control-${how.replaceAll(' ', '-')}`)
  await expect(run.syncAndDeliver(script)).rejects.toEqual(failed(/\.mogplex/))
  expect(await git(remote, 'rev-list', '--count', 'work')).toBe('1')
})

test('a remote that rejects the push fails the delivery', async () => {
  const { remote, run } = await setUp('rejecting', ['work'])
  // Somebody else is writing the branch, and does not get done.
  await writeFile(join(remote, 'refs', 'heads', 'work.lock'), '')
  await expect(run.syncAndDeliver('echo x > x')).rejects.toEqual(
    failed(/rejected the branch: another git is writing it.*remove the lock/),
  )
})

test('the work counts on another branch that contains the working branch, or is contained in it', async () => {
  const { remote, run } = await setUp('elsewhere')
  await run.syncAndDeliver('git checkout -qb mine; echo a > a; git add .; git commit -qm a; echo b > b')
  expect(await git(remote, 'ls-tree', '--name-only', 'work')).toContain('a\nb')
  await run.syncAndDeliver('echo c > c; git add .; git commit -qm c; git checkout -q --detach HEAD^')
  expect(await git(remote, 'ls-tree', '--name-only', 'work')).toContain('c')
})

test('a refused confirmation pushes nothing', async () => {
  const { remote, run } = await setUp('unconfirmed')
  let asked = 0
  const confirm = async () => {
    asked += 1
    return false
  }
  await expect(run.syncAndDeliver('echo x > x', { confirm })).rejects.toBeInstanceOf(GitStopped)
  expect(asked).toBe(1)
  expect(await git(remote, 'rev-list', '--count', 'work')).toBe('1')
})

test('the branch checked out in a local work tree cannot be pushed over, a new one can', async () => {
  const remote = join(bench.root, 'worktree')
  await git(bench.root, 'init', '--quiet', '--initial-branch=main', remote)
  await git(remote, 'commit', '--quiet', '--allow-empty', '-m', 'first')
  await git(remote, 'checkout', '--quiet', '-b', 'busy')
  const source = sourceOf(`file://${remote}`)
  const run = await bench.createRun({ source })
  expect(await run.syncAndDeliver('echo x > x')).toMatchObject({ pushed: true })
  expect(await git(remote, 'ls-tree', '--name-only', 'work')).toBe('x')
  const busy = await bench.createRun({ source, workingBranch: 'busy' })
  await expect(busy.syncAndDeliver('echo x > x')).rejects.toEqual(
    failed(/"busy" is checked out in .*\/worktree; switch that work tree to another branch/),
  )
})

test('the base branch cannot be pushed, even when asked for', async () => {
  const { run } = await setUp('guard')
  const remote = { kind: 'local' as const, url: 'file:///x', path: '/x' }
  const push = {
    ...run.sync,
    mirror: '/x',
    remote,
    commit: '0'.repeat(40),
    branch: 'main',
    refused: deliveryFailure,
  }
  await expect(pushBranch(push)).rejects.toThrow(/never pushed/)
})

test.each([
  ['  \n\n First line \nsecond', 'First line'],
  ['x'.repeat(100), 'x'.repeat(72)],
  ['😀'.repeat(80), '😀'.repeat(72)],
  ['# not a comment', '# not a comment'],
  ['a\u0000\tb', 'a b'],
  [' \n ', 'Changes by the agent'],
])('the commit message of %j is %j', (prompt, message) => {
  expect(commitMessage(prompt)).toBe(message)
})

test('an odd prompt becomes the message as it is', async () => {
  const { remote, run } = await setUp('message')
  const prompt = `# $(touch /tmp/x) "quoted' \\n`
  await run.syncAndDeliver('echo x > x', { prompt, author: { name: '', email: 'a@example.test' } })
  expect(await git(remote, 'log', '-1', '--format=%B', 'work')).toBe(prompt)
})
