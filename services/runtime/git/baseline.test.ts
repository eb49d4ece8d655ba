import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { takeBaseline } from './baseline.ts'
import { deliver } from './deliver.ts'
import { syncCheckout } from './sync-checkout.ts'
import { type Bench, createBench, git, sourceOf } from './test-bench.ts'

let bench: Bench
beforeAll(async () => {
  bench = await createBench()
})
afterAll(() => bench.remove())

interface Row {
  what: string
  /** What `main` has beside the bench's files, as bytes that were committed. */
  committed: Record<string, string>
  install?: string
  script: string
  /** What the delivery changes, as `git diff --name-status` says it; empty: nothing is pushed. */
  changed: string[]
}

const CRLF = { '.gitattributes': '* text=auto\n', 'a.txt': 'one\r\ntwo\r\n', 'b.txt': 'three\r\n' }
const LOCK = { 'package.json': '{}\n', 'package-lock.json': '{"v":1}\n' }
const INSTALL = `echo '{"v":2}' > package-lock.json; mkdir -p gen; echo g > gen/g; echo h > gen/h; rm old; echo i > ignored`

const ROWS: Row[] = [
  { what: 'lines that text=auto would end otherwise', committed: CRLF, script: 'true', changed: [] },
  {
    what: 'the same, touched, and something else written',
    committed: CRLF,
    script: 'touch a.txt b.txt; git status > /dev/null; echo n > new',
    changed: ['A\tnew'],
  },
  {
    what: 'the same, one of them changed',
    committed: CRLF,
    script: 'printf "one\\r\\nTWO\\r\\n" > a.txt',
    changed: ['M\ta.txt'],
  },
  {
    what: 'the same, one of them made executable, one removed',
    committed: CRLF,
    script: 'chmod +x a.txt; rm b.txt',
    changed: ['M\ta.txt', 'D\tb.txt'],
  },
  {
    what: 'lines that a checkout ends otherwise',
    committed: { '.gitattributes': '*.txt text eol=crlf\n', 'mixed.txt': 'one\r\ntwo\nthree\n' },
    script: 'touch mixed.txt; echo n > new',
    changed: ['A\tnew'],
  },
  {
    what: 'an identifier that a checkout fills in',
    committed: { '.gitattributes': '*.c ident\n', 'x.c': '/* $Id: as it was in another system $ */\n' },
    script: 'touch x.c; echo n > new',
    changed: ['A\tnew'],
  },
  {
    what: 'an encoding of the work tree',
    committed: { '.gitattributes': '*.u text working-tree-encoding=UTF-16LE eol=crlf\n', 'x.u': 'ä\r\nb\n' },
    script: 'touch x.u; echo n > new',
    changed: ['A\tnew'],
  },
  {
    what: 'what an install command left',
    committed: { ...LOCK, old: 'o\n' },
    install: INSTALL,
    script: 'true',
    changed: [],
  },
  {
    what: 'the same, with something written beside it',
    committed: { ...LOCK, old: 'o\n' },
    install: INSTALL,
    script: 'echo mine > gen/mine; echo n > new; git add -A',
    changed: ['A\tgen/mine', 'A\tnew'],
  },
  {
    what: 'the same, changed and removed and brought back by the agent',
    committed: { ...LOCK, old: 'o\n' },
    install: INSTALL,
    script: `echo '{"v":3}' > package-lock.json; echo more >> gen/g; rm gen/h; echo back > old`,
    changed: ['A\tgen/g', 'M\told', 'M\tpackage-lock.json'],
  },
  {
    what: 'the same, committed by the agent',
    committed: { ...LOCK, old: 'o\n' },
    install: INSTALL,
    script: 'git add package-lock.json; git commit -qm lock; echo n > new',
    changed: ['A\tnew', 'M\tpackage-lock.json'],
  },
  {
    what: 'a repository that an install command cloned',
    committed: LOCK,
    install: 'git init -q vendor; echo v > vendor/v',
    script: 'echo mine > vendor/mine',
    changed: ['A\tvendor/mine'],
  },
  {
    what: 'an install command in a repository of other line ends',
    committed: { ...CRLF, ...LOCK },
    install: `echo '{"v":2}' > package-lock.json`,
    script: 'touch a.txt; echo n > new',
    changed: ['A\tnew'],
  },
]

async function commitFiles(remote: string, files: Record<string, string>): Promise<void> {
  const clone = await mkdtemp(join(bench.root, 'committed-'))
  await git(bench.root, 'clone', '--quiet', remote, clone)
  const entries: string[] = []
  for (const [path, text] of Object.entries(files)) {
    await Bun.write(join(clone, '.git', 'blob'), text)
    const blob = await git(clone, 'hash-object', '-w', '--no-filters', join(clone, '.git', 'blob'))
    entries.push('--cacheinfo', `100644,${blob},${path}`)
  }
  await git(clone, 'update-index', '--add', ...entries)
  await git(clone, 'commit', '--quiet', '-m', 'files')
  await git(clone, 'push', '--quiet', 'origin', 'main')
}

describe('what was there before the agent came is not delivered as its work', () => {
  test.each(ROWS)('$what', async ({ what, committed, install, script, changed }) => {
    const remote = await bench.createRemote(`baseline-${ROWS.findIndex(row => row.what === what)}`)
    await commitFiles(remote, committed)
    const run = await bench.createRun({ source: sourceOf(`file://${remote}`) })
    const checkout = await syncCheckout(run.sync)
    if (install) {
      await run.agent(install)
      expect(await takeBaseline({ ...run.sync, checkout })).toBe(true)
    }
    await run.agent(script)
    const before = await run.agent('cat a.txt mixed.txt x.c x.u package-lock.json 2> /dev/null || true')
    const delivery = await deliver(run.delivery(checkout))
    expect(delivery).toMatchObject({ changed: changed.length > 0, pushed: changed.length > 0, note: null })
    expect(delivery.changedFiles).toBe(changed.length)
    const found = await git(remote, 'diff', '--no-renames', '--name-status', 'main', 'work')
    expect(found.split('\n').filter(Boolean)).toEqual(changed)
    // The files themselves are left as they are.
    expect(await run.agent('cat a.txt mixed.txt x.c x.u package-lock.json 2> /dev/null || true')).toBe(before)
  })
})

test('a file that was changed in the second of the checkout, to the same size, is delivered', async () => {
  const remote = await bench.createRemote('same-second')
  await commitFiles(remote, { '.gitattributes': '* text=auto\n', 'a.txt': 'aaaa\n' })
  const run = await bench.createRun({ source: sourceOf(`file://${remote}`) })
  const checkout = await syncCheckout(run.sync)
  // As if it had been: git sees the time of the file only in whole seconds.
  await run.agent(
    'touch -r a.txt .git/stamp; printf "bbbb\\n" > a.txt; touch -r .git/stamp a.txt; touch -r a.txt .git/index .git/mogplex/baseline',
  )
  expect(await deliver(run.delivery(checkout))).toMatchObject({ changedFiles: 1 })
  expect(await git(remote, 'show', 'work:a.txt')).toBe('bbbb')
})
