/** What the remote has decides where a run begins; what we delivered is nobody's unfinished work. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { SandboxProvider } from '../sandboxes/provider.ts'
import { mirrorPath } from './mirror.ts'
import type { PutAside } from './put-aside.ts'
import { resumeLeftovers } from './resume-leftovers.ts'
import { type SyncRequest, syncCheckout } from './sync-checkout.ts'
import { type Bench, createBench, git, sourceOf } from './test-bench.ts'

let bench: Bench
beforeAll(async () => {
  bench = await createBench()
})
afterAll(() => bench.remove())

async function setUp(overrides: Partial<SyncRequest> = {}, extra: string[] = []) {
  const remote = await bench.createRemote(crypto.randomUUID(), extra)
  const found: PutAside[] = []
  const onPutAside = async (it: PutAside) => void found.push(it)
  const run = await bench.createRun({ source: sourceOf(`file://${remote}`), onPutAside, ...overrides })
  return { remote, run, found }
}

/** A provider that counts the processes it starts. */
function counting(provider: SandboxProvider) {
  const counted = { starts: 0 }
  const start: SandboxProvider['start'] = (...args) => {
    counted.starts += 1
    return provider.start(...args)
  }
  return { counted, provider: { ...provider, start } }
}

test('a sync with nothing unusual is one process, also after a delivery and where the remote has moved on', async () => {
  const { remote, run, found } = await setUp()
  const { counted, provider } = counting(run.sync.provider)
  const sync = { ...run.sync, provider }
  await syncCheckout(sync)
  await run.syncAndDeliver('echo x > x')
  await syncCheckout(sync)
  await bench.commitToRemote(remote, 'work', 'theirs')
  await bench.commitToRemote(remote, 'main', 'base')
  await syncCheckout(sync)
  expect(counted.starts).toBe(3)
  expect(found).toEqual([])
})

test('a run on the base branch does not take the branch of the one before for leftovers', async () => {
  const { run, found } = await setUp({ workingBranch: 'main', createBranch: false })
  const { counted, provider } = counting(run.sync.provider)
  const { commit } = await run.syncAndDeliver('echo x > x')
  const past = { leftBy: 'before', delivered: [commit] }
  const callId = '01890000-0000-7000-8000-00000000abcd'
  const synced = await syncCheckout({ ...run.sync, provider, callId, past })
  expect(synced).toMatchObject({ workingBranch: 'mogplex/agent-00000000abcd', headCommit: synced.baseCommit })
  expect([counted.starts, found]).toEqual([1, []])
})

test('a remote that was rewritten is followed, and what was delivered is not put aside', async () => {
  const { remote, run, found } = await setUp()
  await run.syncAndDeliver('echo x > x')
  await git(remote, 'update-ref', 'refs/heads/work', await git(remote, 'rev-parse', 'main'))
  const theirs = await bench.commitToRemote(remote, 'work', 'theirs')
  expect(await syncCheckout(run.sync)).toMatchObject({ headCommit: theirs, freshClone: false })
  expect(await run.agent('git status --porcelain; ls')).toBe('readme.md\ntheirs')
  expect(found).toEqual([])
})

test('a branch that is gone from the remote is begun anew from the base, and not brought back', async () => {
  const { remote, run, found } = await setUp()
  await run.syncAndDeliver('echo x > x')
  await git(remote, 'update-ref', '-d', 'refs/heads/work')
  const base = await bench.commitToRemote(remote, 'main', 'more')
  const synced = await syncCheckout({ ...run.sync, createBranch: false })
  expect(synced).toMatchObject({ headCommit: base, remoteCommit: null })
  expect(await run.agent('git status --porcelain; ls')).toBe('more\nreadme.md')
  expect(await git(remote, 'branch', '--list', 'work')).toBe('')
  expect(found).toEqual([])
})

test('a ref of the agent that says its commit was pushed is not believed', async () => {
  const { run, found } = await setUp()
  await syncCheckout(run.sync)
  await run.agent('echo x > x; git add x; git commit -qm x; git update-ref refs/remotes/origin/work HEAD')
  await syncCheckout(run.sync)
  expect(found).toMatchObject([{ kind: 'kept', leftovers: { files: 1, bytes: 2 } }])
})

test('a branch of the remote that became a directory of branches, and back, stops nothing', async () => {
  const { remote, run } = await setUp({ baseBranch: 'dev' }, ['dev'])
  await syncCheckout(run.sync)
  await git(remote, 'branch', '-m', 'dev', 'dev/1')
  const below = await bench.commitToRemote(remote, 'dev/1', 'below')
  const moved = await syncCheckout({ ...run.sync, baseBranch: 'dev/1' })
  expect(moved).toMatchObject({ baseCommit: below })
  await git(remote, 'branch', '-m', 'dev/1', 'dev')
  expect(await syncCheckout(run.sync)).toMatchObject({ baseCommit: below })
})

test.each([
  ['mogplex/run/2026-11-30/do-it-0a1b2c', true, 'mogplex-run-2026-11-30-do-it-0a1b2c'],
  ['main', false, 'mogplex-agent-0123456789ab'],
])(
  'with a remote branch "mogplex" a generated name for %s is a free one',
  async (workingBranch, createBranch, actual) => {
    const { remote, run } = await setUp({ workingBranch, createBranch }, ['mogplex'])
    expect(await run.syncAndDeliver('echo x > x')).toMatchObject({ branch: actual, pushed: true })
    expect(await git(remote, 'rev-parse', '--verify', actual)).toMatch(/^[0-9a-f]{40}$/)
  },
)

test.each([
  ['dev/1', 'dev'],
  ['up', 'up/there'],
])('a name %s that somebody chose fails with words where the remote has %s', async (workingBranch, other) => {
  const { run } = await setUp({ workingBranch }, [other])
  await expect(syncCheckout(run.sync)).rejects.toMatchObject({
    code: 'git_sync_failed',
    message: expect.stringContaining(`the remote has a branch "${other}"`),
  })
})

test('what the install command changed is no leftover, with and without an agent that left something', async () => {
  const { run, found } = await setUp()
  await syncCheckout(run.sync)
  await run.agent(`echo locked >> readme.md; echo made > made
    cp .git/index .git/mogplex/baseline; GIT_INDEX_FILE=.git/mogplex/baseline git add -A`)
  await syncCheckout(run.sync)
  expect(found).toEqual([])
  expect(await run.agent('cat made')).toBe('made')
  await run.agent('echo x > x')
  await syncCheckout(run.sync)
  expect(found).toMatchObject([{ kind: 'kept', leftovers: { files: 1, bytes: 2 } }])
})

test('what is more than may be kept is moved to a directory of the sandbox, and the branch goes on', async () => {
  const { run, found } = await setUp({
    host: { ...bench.host, bounds: { deliveredObjects: 3 } },
  })
  await syncCheckout(run.sync)
  await run.agent('mkdir -p ignored d; for i in 1 2 3 4; do echo $i > d/$i; done; echo i > ignored/i')
  expect(await syncCheckout(run.sync)).toMatchObject({ freshClone: true })
  const directory = `.mogplex/leftovers/${run.sync.callId}`
  expect(found).toMatchObject([{ kind: 'moved', directory, reason: expect.stringContaining('more than 3') }])
  expect(await run.agent(`cat ${directory}/d/4 ${directory}/ignored/i; git status --porcelain`)).toBe('4\ni')
  expect(await run.syncAndDeliver('git add -A; echo x > x')).toMatchObject({ pushed: true, changedFiles: 1 })
})

test('leftovers come back as uncommitted changes, on top of what the remote has now', async () => {
  const { remote, run, found } = await setUp()
  await syncCheckout(run.sync)
  await run.agent('echo a > a; chmod 755 a; git add a; git commit -qm a; rm readme.md; echo b > b')
  await bench.commitToRemote(remote, 'work', 'theirs')
  await syncCheckout(run.sync)
  const [aside] = found
  if (aside?.kind !== 'kept') throw new Error('nothing was kept')
  const resume = { ...run.sync, leftovers: aside.leftovers }
  expect(await resumeLeftovers(resume)).toBe('resumed')
  expect(await run.agent('git status --porcelain; stat -c %a a; cat b')).toBe(
    'D readme.md\n?? a\n?? b\n755\nb',
  )
  const mirror = mirrorPath(bench.host, run.sync.repoId)
  expect(await git(mirror, 'for-each-ref', '--format=%(objectname)', aside.leftovers.ref)).toBe(
    aside.leftovers.commit,
  )
})

test('leftovers that conflict leave the checkout clean', async () => {
  const { remote, run, found } = await setUp()
  await syncCheckout(run.sync)
  await run.agent('echo mine > same; echo b > b')
  await bench.commitToRemote(remote, 'work', 'same')
  await syncCheckout(run.sync)
  const [aside] = found
  if (aside?.kind !== 'kept') throw new Error('nothing was kept')
  expect(await resumeLeftovers({ ...run.sync, leftovers: aside.leftovers })).toBe('conflict')
  expect(await run.agent('git status --porcelain; cat same')).toBe('same')
})
