/** States a checkout can be left in × what happened on the remote meanwhile: the next sync always works. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mirrorPath } from './mirror.ts'
import type { PutAside } from './put-aside.ts'
import { syncCheckout } from './sync-checkout.ts'
import { type Bench, createBench, git, type Run, sourceOf } from './test-bench.ts'
import { STATES } from './test-left-behind.ts'

let bench: Bench
beforeAll(async () => {
  bench = await createBench()
})
afterAll(() => bench.remove())

const LEFT_BY = '01890000-0000-7000-8000-00000000000a'

const REMOTES: Record<string, (remote: string) => Promise<string>> = {
  'has not moved': remote => git(remote, 'rev-parse', 'work'),
  'has moved on': remote => bench.commitToRemote(remote, 'work', 'theirs'),
  'was rewritten': async remote => {
    await git(remote, 'update-ref', 'refs/heads/work', await git(remote, 'rev-parse', 'main'))
    return bench.commitToRemote(remote, 'work', 'rewritten')
  },
  'has no such branch': async remote => {
    await git(remote, 'update-ref', '-d', 'refs/heads/work')
    return git(remote, 'rev-parse', 'main')
  },
}

/** A sandbox from which something was delivered, so that the branch has more than the base. */
async function setUp(name: string) {
  const remote = await bench.createRemote(name)
  const run = await bench.createRun({ source: sourceOf(`file://${remote}`), isNewSandbox: true })
  const { commit: delivered } = await run.syncAndDeliver('mkdir a; echo 1 > a/one; echo 2 > a/two')
  const found: PutAside[] = []
  const past = { leftBy: LEFT_BY, delivered: [delivered] }
  const sync = {
    ...run.sync,
    isNewSandbox: false,
    past,
    onPutAside: async (it: PutAside) => void found.push(it),
  }
  return { remote, run, sync, found }
}

/** `<mode> <content>` of a path of a commit, null when it is not there. */
async function entry(mirror: string, commit: string, path: string): Promise<string | null> {
  const listed = await git(mirror, '--literal-pathspecs', 'ls-tree', commit, '--', path)
  const [, mode, id] = /^(\d+) blob ([0-9a-f]+)\t/.exec(listed) ?? []
  return id ? `${mode} ${await git(mirror, 'cat-file', 'blob', id)}` : null
}

async function expectClean(run: Run, commit: string) {
  const look = `git rev-parse HEAD; git symbolic-ref --short HEAD
    git status --porcelain -- . ':(exclude,top,glob)**/.mogplex/**'; git fsck --connectivity-only 2>&1 | grep missing || true
    ls .git/*.lock .git/rebase-merge .git/MERGE_HEAD 2>/dev/null || true`
  expect(await run.agent(look)).toBe(`${commit}\nwork`)
}

const remotes = Object.keys(REMOTES)
// Each state with one of the four, in turn.
const rows = STATES.map((state, index) => ({ ...state, moved: remotes[index % remotes.length] ?? '' }))

test.each(rows)(
  '$name; the remote $moved',
  async ({ left, kept, notKept = [], moved }) => {
    const { remote, run, sync, found } = await setUp(crypto.randomUUID())
    await run.agent(left)
    const expected = (await REMOTES[moved]?.(remote)) ?? ''
    const synced = await syncCheckout(sync)
    expect(synced).toMatchObject({ headCommit: expected, workingBranch: 'work' })
    await expectClean(run, expected)
    const mirror = mirrorPath(bench.host, run.sync.repoId)
    if (!kept) {
      expect(found).toEqual([])
    } else {
      const ref = `refs/mogplex/leftovers/${LEFT_BY}`
      expect(found).toMatchObject([{ kind: 'kept', leftovers: { leftBy: LEFT_BY, ref } }])
      const [{ leftovers }] = found as [Extract<PutAside, { kind: 'kept' }>]
      expect(leftovers.files).toBeGreaterThanOrEqual(
        Math.max(notKept.length > 0 ? 0 : 1, Object.keys(kept).length),
      )
      expect(leftovers.notKept.filter(name => !name.startsWith('commits'))).toEqual(notKept)
      for (const [path, content] of Object.entries(kept)) expect(await entry(mirror, ref, path)).toBe(content)
    }
    // And the run after that has nothing to put aside, and delivers.
    found.splice(0)
    await syncCheckout({ ...sync, createBranch: true })
    expect(found).toEqual([])
    expect(await run.syncAndDeliver('echo after > after', {})).toMatchObject({ pushed: true })
  },
  60_000,
)
