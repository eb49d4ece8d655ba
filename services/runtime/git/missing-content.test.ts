import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { describeMissing, readMissing } from './missing-content.ts'
import { readScript, startScript } from './sandbox-git.ts'
import { syncCheckout } from './sync-checkout.ts'
import { type Bench, createBench, git, sourceOf } from './test-bench.ts'

setDefaultTimeout(60_000)

let bench: Bench
beforeAll(async () => {
  bench = await createBench()
})
afterAll(() => bench.remove())

const CONTENT = await readScript('content.sh')

const pointer = (digit: string) =>
  `version https://git-lfs.github.com/spec/v1\noid sha256:${digit.repeat(64)}\nsize 12345\n`

/** A remote with these files beside those of the bench, and gitlinks at these paths; and a run on it. */
async function setUp(files: Record<string, string>, gitlinks: string[] = []) {
  const remote = await bench.createRemote(crypto.randomUUID())
  const clone = await mkdtemp(join(bench.root, 'clone-'))
  await git(bench.root, 'clone', '--quiet', remote, clone)
  const head = await git(clone, 'rev-parse', 'HEAD')
  for (const [path, text] of Object.entries(files)) await Bun.write(join(clone, path), text)
  await git(clone, 'add', '.')
  for (const path of gitlinks) {
    await git(clone, 'update-index', '--add', '--cacheinfo', `160000,${head},${path}`)
  }
  await git(clone, 'commit', '--quiet', '-m', 'content')
  await git(clone, 'push', '--quiet', 'origin', 'main')
  return { remote, run: await bench.createRun({ source: sourceOf(`file://${remote}`) }) }
}

const ATTRIBUTES = { '.gitattributes': '*.bin filter=lfs diff=lfs merge=lfs -text\n' }
const LFS = { ...ATTRIBUTES, 'a.bin': pointer('a'), 'deep/ü "b".bin': pointer('b') }

test('submodules and files in Git LFS are named, and nothing is where nothing is missing', async () => {
  const modules = ['libs/one', 'libs/the other'].map(
    path => `[submodule "${path}"]\n\tpath = ${path}\n\turl = ../x.git\n`,
  )
  const files = { ...LFS, '.gitmodules': modules.join('') }
  const { run } = await setUp(files, ['libs/one', 'libs/the other'])
  const { missing } = await syncCheckout(run.sync)
  expect(missing).toEqual({
    submodules: ['libs/one', 'libs/the other'],
    lfsFiles: ['a.bin', '"deep/\\303\\274 \\"b\\".bin"'],
  })
  expect((await syncCheckout(run.sync)).missing).toEqual(missing)
  const plain = await setUp({ '.gitattributes': '* text=auto\n' })
  expect(await syncCheckout(plain.run.sync)).not.toHaveProperty('missing')
})

test('many are cut, and control characters are no part of a message', () => {
  const lines = Array.from({ length: 21 }, (_, index) => `lfs ${index}\u001b[31m\n`)
  const missing = readMissing(`0000 1 0 0\n${lines.join('')}`)
  const [notice, ...others] = describeMissing(missing ?? { submodules: [], lfsFiles: [] })
  expect(others).toEqual([])
  expect(notice?.message).toEndWith('18 [31m, 19 [31m and more')
  expect(notice?.payload.lfs_files).toHaveLength(20)
})

test('a file in Git LFS that an agent has overwritten or made is not delivered in place of a pointer', async () => {
  const { remote, run } = await setUp(LFS)
  const made = await run.syncAndDeliver(
    `printf 'a\\0b' > a.bin; echo raw > 'deep/ü "b".bin'; echo new > new.bin; echo x > x.txt; : > empty.bin`,
  )
  expect(made).toMatchObject({ pushed: true, changedFiles: 2 })
  const changed = await git(remote, 'diff', '--name-only', 'main', 'work')
  expect(changed.split('\n')).toEqual(['empty.bin', 'x.txt'])
  expect(await git(remote, 'cat-file', 'blob', 'work:a.bin')).toBe(pointer('a').trim())
})

test('a pointer that an agent has changed, moved or removed is delivered', async () => {
  const { remote, run } = await setUp(LFS)
  const text = pointer('c').replaceAll('\n', '\\n')
  await run.syncAndDeliver(`printf '${text}' > a.bin; git mv deep/*.bin moved.bin; cp a.bin again.bin`)
  expect(await git(remote, 'cat-file', 'blob', 'work:a.bin')).toBe(pointer('c').trim())
  expect(await git(remote, 'ls-tree', '-r', '--name-only', 'work')).toBe(
    '.gitattributes\n.gitignore\na.bin\nagain.bin\nmoved.bin\nreadme.md',
  )
})

test("the agent's own git refuses a plain file in place of a pointer, with the reason, and takes the rest", async () => {
  const { remote, run } = await setUp(LFS)
  const made = await run.syncAndDeliver(`
    [ -z "$(git status --porcelain)" ]
    echo raw > a.bin; echo x > x.txt
    ! git add -A 2> ~/said
    grep -q "Git LFS is not available in this sandbox. Leave out a.bin" ~/said
    git checkout -q a.bin; git add -A; git commit -qm own; cat a.bin`)
  expect(made).toMatchObject({ pushed: true, changedFiles: 1 })
  expect(await git(remote, 'cat-file', 'blob', 'work:a.bin')).toBe(pointer('a').trim())
})

test('what an agent writes into the directories of submodules can be named', async () => {
  const paths = ['libs/one', 'libs/fetched', 'libs/same']
  const modules = paths.map(path => `[submodule "${path}"]\n\tpath = ${path}\n\turl = ../x.git\n`)
  const { run } = await setUp({ '.gitmodules': modules.join('') }, paths)
  await syncCheckout(run.sync)
  const lost = async () => {
    const running = await startScript({ ...run.sync, script: `${CONTENT}\nname_lost_in_submodules`, env: {} })
    const [stdout] = await Promise.all([new Response(running.stdout).text(), running.finish()])
    return stdout.split('\n').filter(Boolean)
  }
  expect(await lost()).toEqual([])
  await run.agent(`
    mkdir -p libs/one/deep; echo x > 'libs/one/deep/a b'; ln -s / libs/one/link
    for path in fetched same; do git init -q libs/$path; git -C libs/$path fetch -q ../.. HEAD; git -C libs/$path checkout -q HEAD~0 2>/dev/null || git -C libs/$path reset -q --hard FETCH_HEAD~1; done
    echo more > libs/fetched/more`)
  expect((await lost()).toSorted()).toEqual(['libs/fetched', 'libs/one/deep/a b', 'libs/one/link'])
})
