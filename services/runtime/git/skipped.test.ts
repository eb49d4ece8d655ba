import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { namesOfSkipped, readNotes } from './skipped.ts'
import { type Bench, createBench, git, sourceOf } from './test-bench.ts'

let bench: Bench
beforeAll(async () => {
  bench = await createBench()
})
afterAll(() => bench.remove())

const HISTORY = 'the history of a repository inside the repository; its files are delivered'
const SPECIAL = 'neither a file, a directory nor a link'
const NO_FILES = 'a reference to another repository whose files are not here'
const CONFLICT = 'it has unresolved conflicts'
const REBASE = 'it belongs to a rebase that was not finished'
/** Beside what `main` has. */
const AT_FIRST = ['.gitignore', 'readme.md']
/** Leaves `work` with a commit of its own and a conflict with `side`. */
const CONTRADICT =
  'git checkout -qb side; echo s > readme.md; git commit -qam s; git checkout -q work; echo w > readme.md; git commit -qam w;'

interface Row {
  what: string
  script: string
  /** What the delivered branch has beside {@link AT_FIRST}. */
  files: string[]
  skipped: Record<string, string>
}

const ROWS: Row[] = [
  {
    what: 'a repository by git init, without a commit',
    script: 'git init -q app; echo a > app/a; mkdir app/src; echo b > app/src/b; echo own > own',
    files: ['app/a', 'app/src/b', 'own'],
    skipped: { 'app/.git': HISTORY },
  },
  {
    what: 'a repository of a scaffolder, with commits, its own ignored files and more beside',
    script:
      'mkdir -p packages/app; cd packages/app; git init -q; printf "node_modules\\n" > .gitignore; mkdir node_modules;' +
      'echo x > node_modules/x; echo a > a; git add .; git commit -qm init; echo b > b',
    files: ['packages/app/.gitignore', 'packages/app/a', 'packages/app/b'],
    skipped: { 'packages/app/.git': HISTORY },
  },
  {
    what: 'a clone of which nothing but it is new',
    script: 'git clone -q /workspace/.git copy; echo n > copy/n',
    files: ['copy/.gitignore', 'copy/n', 'copy/readme.md'],
    skipped: { 'copy/.git': HISTORY },
  },
  {
    what: 'a repository that the agent has committed as a reference',
    script:
      'git init -q app; cd app; echo a > a; git add .; git commit -qm a; cd ..; git add -A; git commit -qm all',
    files: ['app/a'],
    skipped: { 'app/.git': HISTORY },
  },
  {
    what: 'a repository that the agent has staged as a reference',
    script: 'git init -q app; cd app; echo a > a; git add .; git commit -qm a; cd ..; git add -A',
    files: ['app/a'],
    skipped: { 'app/.git': HISTORY },
  },
  {
    what: 'a committed reference whose .git was removed later',
    script:
      'git init -q app; cd app; echo a > a; git add .; git commit -qm a; cd ..; git add -A; git commit -qm all; rm -rf app/.git',
    files: ['app/a'],
    skipped: {},
  },
  {
    what: 'a committed reference to nothing',
    script:
      'mkdir gone; git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),gone; git commit -qm gone',
    files: [],
    skipped: { gone: NO_FILES },
  },
  {
    what: 'a repository in a repository, with names of odd characters',
    script:
      'git init -q "a b"; echo 1 > "a b/ü 1"; git init -q "a b/in\'ner"; echo 2 > "a b/in\'ner/2"; git init -q e; echo o > o',
    files: ["a b/in'ner/2", 'a b/ü 1', 'o'],
    skipped: { 'a b/.git': HISTORY, "a b/in'ner/.git": HISTORY, 'e/.git': HISTORY },
  },
  {
    what: 'a repository in an ignored directory',
    script: 'mkdir ignored; git init -q ignored/app; echo a > ignored/app/a; echo own > own',
    files: ['own'],
    skipped: {},
  },
  {
    what: 'what the repository around ignores, inside a repository',
    script: 'git init -q app; echo a > app/a; mkdir app/ignored; echo i > app/ignored/i',
    files: ['app/a'],
    skipped: { 'app/.git': HISTORY },
  },
  {
    what: 'a control directory inside a repository',
    script: 'git init -q app; echo a > app/a; mkdir app/.mogplex; echo x > app/.mogplex/x',
    files: ['app/a'],
    skipped: { 'app/.git': HISTORY },
  },
  {
    what: 'a linked work tree',
    script: 'git worktree add -q tree; echo t > tree/t; echo own > own',
    files: ['own'],
    skipped: { tree: 'a linked work tree of a repository' },
  },
  {
    what: 'a file and a directory that cannot be read',
    script: 'echo s > secret; mkdir -p closed; echo c > closed/c; chmod 000 secret closed; echo own > own',
    files: ['own'],
    skipped: { secret: 'it cannot be read', 'closed/': 'it cannot be read' },
  },
  {
    what: 'pipes, also one that git would wait for',
    script: 'mkfifo pipe; mkdir d; mkfifo d/.gitignore; echo own > d/own',
    files: ['d/own'],
    skipped: { pipe: SPECIAL, 'd/.gitignore': SPECIAL },
  },
  {
    what: 'a pipe and nothing else',
    script: 'mkfifo pipe',
    files: [],
    skipped: { pipe: SPECIAL },
  },
  {
    what: 'a pipe in the place of a tracked file',
    script: 'rm readme.md; mkfifo readme.md; echo own > own',
    files: ['own'],
    skipped: { 'readme.md': SPECIAL },
  },
  {
    what: 'names that git forbids on some file system',
    script: 'mkdir -p a/.GIT "b/git~1"; echo x > a/.GIT/x; echo y > "b/git~1/y"; echo own > own',
    files: ['own'],
    skipped: { 'a/.GIT/x': 'git does not allow the name', 'b/git~1/y': 'git does not allow the name' },
  },
  {
    what: 'a path that is too long',
    script: `perl -e 'for (1..25) { mkdir "0" x 200; chdir "0" x 200 } open F, ">x"'; echo own > own`,
    files: ['own'],
    skipped: { [`${Array(2).fill('0'.repeat(200)).join('/').slice(0, 299)}…`]: 'the path is too long' },
  },
  {
    what: 'an unfinished merge: all but what is in conflict',
    script: `${CONTRADICT} git checkout -q side; echo t > theirs; git add .; git commit -qm t; git checkout -q work; git merge side || true; echo own > own`,
    files: ['own', 'theirs'],
    skipped: { 'readme.md': CONFLICT },
  },
  {
    what: 'an unfinished rebase: what was there before it',
    script: `${CONTRADICT} git rebase side || true; echo own > own`,
    files: [],
    skipped: { 'readme.md': REBASE, own: REBASE },
  },
]

describe('what cannot be delivered is left out and named, the rest is delivered', () => {
  test.each(ROWS)('$what', async ({ script, files, skipped, what }) => {
    const name = `skipped-${ROWS.findIndex(row => row.what === what)}`
    const remote = await bench.createRemote(name)
    const run = await bench.createRun({ source: sourceOf(`file://${remote}`) })
    const delivery = await run.syncAndDeliver(script)
    const found = Object.fromEntries(delivery.skipped.map(({ path, reason }) => [path, reason]))
    expect(found).toEqual(skipped)
    const tree = await git(remote, '-c', 'core.quotePath=false', 'ls-tree', '-r', 'work')
    const lines = tree.split('\n')
    expect(lines.map(line => line.split('\t')[1])).toEqual([...AT_FIRST, ...files].toSorted())
    // Never a bare reference in place of files.
    expect(lines.filter(line => line.startsWith('160000'))).toEqual([])
    expect(delivery).toMatchObject({ branch: 'work', commit: await git(remote, 'rev-parse', 'work') })
    // Nothing of it is taken from the agent.
    expect(await run.agent('ls -d .git/mogplex/work 2>/dev/null || true')).toBe('')
  })
})

test('a declared submodule stays a reference', async () => {
  const remote = await bench.createRemote('declared')
  const run = await bench.createRun({ source: sourceOf(`file://${remote}`) })
  const delivery = await run.syncAndDeliver(
    'git clone -q /workspace/.git sub; git config -f .gitmodules submodule.sub.path sub;' +
      'git config -f .gitmodules submodule.sub.url https://example.test/sub; git add -A; git commit -qm sub',
  )
  expect(delivery).toMatchObject({ changed: true, skipped: [] })
  expect(await git(remote, 'ls-tree', 'work', 'sub')).toStartWith('160000')
})

test('notes of a sandbox are bounded, cleaned, and never its own words', () => {
  const lines = Array.from({ length: 300 }, (_, index) => `special file-${index}`)
  const notes = [
    `own-words x`,
    `evil a\u0007b`,
    `special ${'p'.repeat(2_000)}`,
    'no path',
    '',
    ...lines,
  ].join('\n')
  const { skipped } = readNotes(Buffer.from(notes))
  expect(skipped).toHaveLength(100)
  expect(skipped[0]).toEqual({ path: 'a?b', reason: 'git could not take it' })
  expect(skipped[1]?.path).toHaveLength(300)
  expect(skipped.at(-1)).toEqual({ path: '…', reason: '204 more paths' })
  expect(namesOfSkipped(skipped.slice(3, 8))).toBe('; left out: file-0, file-1, file-2 and 2 more')
})
