import { afterAll, beforeAll, expect, test } from 'bun:test'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { syncCheckout } from './sync-checkout.ts'
import { type Bench, createBench, git, sourceOf } from './test-bench.ts'

let bench: Bench
beforeAll(async () => {
  bench = await createBench()
})
afterAll(() => bench.remove())

async function setUp(name: string, extra: string[] = []) {
  const remote = await bench.createRemote(name, extra)
  const run = await bench.createRun({ source: sourceOf(`file://${remote}`), isNewSandbox: true })
  return { remote, run }
}

test('a new sandbox takes a branch that the remote has, and invents none there', async () => {
  const { remote, run } = await setUp('new', ['work'])
  const theirs = await bench.commitToRemote(remote, 'work', 'one.txt')
  const synced = await syncCheckout(run.sync)
  expect(synced).toMatchObject({ headCommit: theirs, remoteCommit: theirs })
  const other = await bench.createRun({ source: run.sync.source, workingBranch: 'main', isNewSandbox: true })
  expect(await syncCheckout(other.sync)).toMatchObject({ remoteCommit: null })
  expect(await git(remote, 'for-each-ref', '--format=%(refname:short)')).toBe('main\nwork')
})

test('a branch that the remote refuses fails the sync, and the next one gets it there', async () => {
  const { remote, run } = await setUp('refusing')
  const lock = join(remote, 'refs', 'heads', 'work.lock')
  await writeFile(lock, '')
  await expect(syncCheckout(run.sync)).rejects.toMatchObject({ code: 'git_sync_failed' })
  expect(await git(remote, 'branch', '--list', 'work')).toBe('')
  await rm(lock)
  const again = await syncCheckout({ ...run.sync, isNewSandbox: false })
  expect(again).toMatchObject({ freshClone: false, headCommit: await git(remote, 'rev-parse', 'main') })
  expect(await run.syncAndDeliver('echo x > x')).toMatchObject({ pushed: true })
})

test('no branch is made before the sandbox is recorded, nor when it cannot be', async () => {
  const { remote, run } = await setUp('unrecorded')
  const recorded = Promise.withResolvers<void>()
  const syncing = syncCheckout({ ...run.sync, recorded: recorded.promise })
  syncing.catch(() => undefined)
  await Bun.sleep(300)
  recorded.reject(new Error('the database is away'))
  await expect(syncing).rejects.toThrow('the database is away')
  expect(await git(remote, 'branch', '--list', 'work')).toBe('')
  expect(await run.agent('git for-each-ref')).toBe('')
  expect(await syncCheckout(run.sync)).toMatchObject({ freshClone: true })
})
