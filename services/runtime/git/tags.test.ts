import { afterAll, beforeAll, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { mkdtemp, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { mirrorPath } from './mirror.ts'
import { syncCheckout } from './sync-checkout.ts'
import { type Bench, createBench, git, type Run, sourceOf } from './test-bench.ts'

let bench: Bench
beforeAll(async () => {
  bench = await createBench()
})
afterAll(() => bench.remove())

/** A remote, somebody's clone of it, and a run. */
async function setUp(name: string) {
  const remote = await bench.createRemote(name, ['work'])
  const clone = await mkdtemp(join(bench.root, 'clone-'))
  await git(bench.root, 'clone', '--quiet', remote, clone)
  const run = await bench.createRun({ source: sourceOf(`file://${remote}`) })
  const tag = async (...args: string[]) => {
    await git(clone, 'tag', '--force', ...args)
    await git(clone, 'push', '--quiet', '--force', '--tags', 'origin')
  }
  return { remote, clone, run, tag }
}

const TAGS = "git for-each-ref refs/tags --format='%(refname:short)'"
const tagsOf = async (run: Run) => (await run.agent(TAGS)).split('\n').filter(Boolean)

test('tags that point into the history are in the checkout, and no others', async () => {
  const { remote, clone, run, tag } = await setUp('described')
  await tag('-a', '-m', 'one', 'v1.0')
  await tag('light')
  await bench.commitToRemote(remote, 'work', 'work.txt')
  await git(clone, 'fetch', '--quiet')
  await tag('-a', '-m', 'theirs', 'theirs', 'origin/work')
  await git(clone, 'checkout', '--quiet', '--orphan', 'elsewhere')
  await git(clone, 'commit', '--quiet', '-m', 'elsewhere')
  await tag('elsewhere')
  await syncCheckout(run.sync)
  expect(await tagsOf(run)).toEqual(['light', 'theirs', 'v1.0'])
  expect(await run.agent('git describe --match "v*"; git cat-file tag v1.0 | tail -1')).toMatch(
    /^v1\.0-1-g[0-9a-f]+\none$/,
  )
  expect(await run.agent('git fsck --strict 2>&1')).not.toMatch(/missing|broken|error/)
  const other = await bench.createRun({ ...run.sync, workingBranch: 'other', sandboxId: await fresh() })
  await syncCheckout(other.sync)
  expect(await tagsOf(other)).toEqual(['light', 'v1.0'])
})

const fresh = () => bench.provider.create(crypto.randomUUID())

test('a tag that is new, moved or deleted on the remote follows, though no branch has moved; the agent keeps its own', async () => {
  const { clone, remote, run, tag } = await setUp('follows')
  for (const name of ['a', 'moved', 'gone/deep']) await tag('-a', '-m', 'first', name)
  await syncCheckout(run.sync)
  await run.agent('git tag own; git tag way; git tag -d a')
  await tag('-a', '-m', 'second', 'moved')
  await tag('-a', '-m', 'new', 'new')
  await tag('way/in')
  await git(clone, 'push', '--quiet', remote, ':gone/deep')
  await git(clone, 'tag', '-d', 'gone/deep')
  await tag('gone')
  await syncCheckout(run.sync)
  expect(await tagsOf(run)).toEqual(['gone', 'moved', 'new', 'own', 'way'])
  expect(await run.agent('git cat-file tag moved | tail -1')).toBe('second')
  await git(clone, 'push', '--quiet', remote, ':moved', ':new', ':gone', ':a', ':way/in')
  await syncCheckout(run.sync)
  expect(await tagsOf(run)).toEqual(['own', 'way'])
  await syncCheckout(run.sync)
  expect(await run.syncAndDeliver('echo x > x; git tag mine')).toMatchObject({ pushed: true })
  expect(await git(remote, 'tag')).toBe('')
})

test('tags come with commits that the branches have gained', async () => {
  const { clone, remote, run, tag } = await setUp('gained')
  await tag('old')
  await syncCheckout(run.sync)
  await bench.commitToRemote(remote, 'work', 'later.txt')
  await git(clone, 'fetch', '--quiet')
  await tag('later', 'origin/work')
  await syncCheckout(run.sync)
  expect(await tagsOf(run)).toEqual(['later', 'old'])
})

test('without a change of tags nothing is done again, not even after a delivery', async () => {
  const { run, tag } = await setUp('unchanged')
  await tag('-a', '-m', 'one', 'v1')
  await syncCheckout(run.sync)
  const list = join(run.workspace, '.git/mogplex/tags')
  const before = (await stat(list)).ino
  await run.syncAndDeliver('echo x > x')
  await syncCheckout(run.sync)
  expect((await stat(list)).ino).toBe(before)
})

test('a remote without tags leaves no trace of them', async () => {
  const { run } = await setUp('untagged')
  await syncCheckout(run.sync)
  expect(existsSync(join(run.workspace, '.git/mogplex/tags-state'))).toBe(false)
  expect(existsSync(join(mirrorPath(bench.host, run.sync.repoId), 'mogplex-tags'))).toBe(false)
})

test.each([
  'rm -rf .git/mogplex; ln -s / .git/mogplex',
  'rm .git/mogplex/tags*; mkfifo .git/mogplex/tags .git/mogplex/tags-state',
  'echo nonsense > .git/mogplex/tags-state; echo update refs/heads/work 0 > .git/mogplex/tags',
  'rm .git/mogplex/tags*; mkdir -p .git/mogplex/tags .git/mogplex/tags-state/x',
])('what an agent makes of our notes does not stop the next run: %s', async script => {
  const { run, tag } = await setUp(`tampered-${crypto.randomUUID()}`)
  await tag('-a', '-m', 'one', 'v1')
  await syncCheckout(run.sync)
  await run.agent(script)
  await tag('v2')
  await syncCheckout(run.sync)
  expect(await tagsOf(run)).toEqual(['v1', 'v2'])
  expect(await run.agent('git rev-parse --abbrev-ref HEAD')).toBe('work')
})

test('names that no tag may have are refused by git, and cost neither the other tags nor the run', async () => {
  const remote = await bench.createRemote('hostile.git')
  const commit = await git(remote, 'rev-parse', 'main')
  await git(remote, 'update-server-info')
  const names = ['heads/main', 'tags/../../../x', 'tags/a..b', 'tags/ok', 'tags/x', 'tags/x/y']
  await writeFile(join(remote, 'info/refs'), names.map(name => `${commit}\trefs/${name}\n`).join(''))
  let asked = 0
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: async request => {
      const { pathname } = new URL(request.url)
      if (pathname.endsWith('/info/refs')) asked += 1
      const file = Bun.file(join(bench.root, pathname))
      return (await file.exists()) ? new Response(file) : new Response('', { status: 404 })
    },
  })
  try {
    const source = sourceOf(`http://127.0.0.1:${server.port}/hostile.git`)
    const run = await bench.createRun({ source, workingBranch: 'main' })
    await syncCheckout(run.sync)
    expect(await tagsOf(run)).toEqual(['ok', 'x'])
    asked = 0
    await syncCheckout(run.sync)
    expect(asked).toBe(1)
  } finally {
    await server.stop(true)
  }
})

test('of a remote with more tags than may be, none are taken, until there are fewer', async () => {
  const { remote, run } = await setUp('many')
  const commit = await git(remote, 'rev-parse', 'main')
  const tagRemote = (count: number) => {
    const lines = Array.from({ length: count }, (_, index) => `${commit} refs/tags/t${index}\n`)
    return writeFile(join(remote, 'packed-refs'), lines.join(''))
  }
  const sync = { ...run.sync, host: { ...bench.host, bounds: { tags: 4 } } }
  await tagRemote(5)
  await syncCheckout(sync)
  expect(await tagsOf(run)).toEqual([])
  expect(existsSync(join(mirrorPath(bench.host, run.sync.repoId), 'refs/tags'))).toBe(false)
  await tagRemote(4)
  await syncCheckout(sync)
  expect(await tagsOf(run)).toEqual(['t0', 't1', 't2', 't3'])
  await tagRemote(5)
  await syncCheckout(sync)
  expect(await tagsOf(run)).toEqual([])
})
