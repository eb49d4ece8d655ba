import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test'
import { cancelledOutcome, finishRun, heldBy, markStreaming } from '../runs/transitions.ts'
import { readRun, startRunAs } from '../test-bench/run-client.ts'
import { mayPush, releaseRun } from './claim.ts'
import { beginRest } from './rest-sandbox.ts'
import { useWorkerBench, type WorkerBench } from './test-bench.ts'

let bench: WorkerBench
beforeAll(async () => {
  bench = await useWorkerBench()
})
afterAll(() => bench.close())
/** What a test left must not be claimed by the next one. */
afterEach(async () => {
  await bench.sql`update runtime.agent_runs set status = 'cancelled' where status in ('pending', 'streaming')`
})

/** One person's runs on one repo, one for each branch named. */
async function runsOn(...branches: string[]) {
  const { userId, repoId } = bench.addUser()
  const runs = []
  for (const workingBranch of branches) {
    const { body } = await startRunAs(bench, userId, {
      repoId,
      prompt: 'x',
      workingBranch,
      createBranch: true,
    })
    runs.push(await readRun(bench, body.data.runId))
  }
  return runs
}
const idOf = (claim: { run: { id: string } } | null) => claim?.run.id ?? null

test('however many ask at once, every run is claimed once, oldest first', async () => {
  const runs = await Promise.all(Array.from({ length: 8 }, bench.accept))
  const claims = await Promise.all(Array.from({ length: 24 }, () => bench.claim()))
  const rest = await Promise.all(Array.from({ length: 24 }, () => bench.claim()))
  const claimed = [...claims, ...rest].flatMap(claim => claim ?? [])
  expect(claimed.map(idOf).toSorted()).toEqual(runs.map(run => run.id).toSorted())
  expect(new Set(claimed.map(claim => claim.leaseToken)).size).toBe(8)
  expect(new Set(claimed.map(claim => claim.sandbox.id)).size).toBe(8)
})

test('runs on one branch follow one another, and not into a sandbox that is being paused', async () => {
  const [first, second] = await runsOn('same', 'same')
  const claim = await bench.claim()
  expect(idOf(claim)).toBe(first?.id ?? '')
  if (!claim) return
  expect(await bench.claim()).toBeNull()
  await bench.database.transaction(async tx => {
    const isOurs = await finishRun(
      tx,
      claim.run,
      cancelledOutcome(claim.run),
      ['pending'],
      heldBy(claim.leaseToken),
    )
    expect(isOurs).toBe(true)
    await beginRest(tx, claim)
  })
  expect(await bench.claim()).toBeNull()
  await bench.sql`update runtime.sandboxes set status = 'paused' where id = ${claim.sandbox.id}`
  const next = await bench.claim()
  expect([idOf(next), next?.sandbox.id]).toEqual([second?.id ?? '', claim.sandbox.id])
})

test('no more sandboxes than the person has slots, also when many ask at once', async () => {
  await runsOn('a', 'b', 'c', 'd', 'e')
  const claims = await Promise.all(Array.from({ length: 10 }, () => bench.claim({ maxActivePerUser: 2 })))
  const rest = [await bench.claim({ maxActivePerUser: 2 }), await bench.claim({ maxActivePerUser: 2 })]
  expect([...claims, ...rest].filter(claim => claim !== null)).toHaveLength(2)
})

test('a run whose lease ran out is claimed again; who held it before can write nothing', async () => {
  const old = await bench.claimed()
  await bench.letLeaseRunOut(old)
  const fresh = await bench.claim()
  expect(idOf(fresh)).toBe(old.run.id)
  expect(fresh?.sandbox.id).toBe(old.sandbox.id)
  const { database } = bench
  const signal = new AbortController().signal
  expect(await database.transaction(tx => markStreaming(tx, old.run, old.leaseToken))).toBe(false)
  expect(await releaseRun(database, old, 0)).toBe(false)
  expect(await mayPush(old, { database, signal })).toBe(false)
  expect((await bench.read(old.run)).status).toBe('pending')
})

test('a started run is never claimed again, whatever becomes of its lease', async () => {
  const claim = await bench.claimed()
  await bench.database.transaction(tx => markStreaming(tx, claim.run, claim.leaseToken))
  await bench.letLeaseRunOut(claim)
  expect(await bench.claim()).toBeNull()
})

test('a run that is given back waits its time', async () => {
  const claim = await bench.claimed()
  expect(await releaseRun(bench.database, claim, 60)).toBe(true)
  expect(await bench.claim()).toBeNull()
  await bench.sql`update runtime.agent_runs set not_before = now() - interval '1 second' where id = ${claim.run.id}`
  expect(idOf(await bench.claim())).toBe(claim.run.id)
})

test('nothing is pushed for a run that somebody cancels, nor once the work must stop', async () => {
  const claim = await bench.claimed()
  const { database } = bench
  const stop = new AbortController()
  expect(await mayPush(claim, { database, signal: stop.signal })).toBe(true)
  await bench.sql`update runtime.agent_runs set control_state = 'cancel_requested' where id = ${claim.run.id}`
  expect(await mayPush(claim, { database, signal: stop.signal })).toBe(false)
  await bench.sql`update runtime.agent_runs set control_state = null where id = ${claim.run.id}`
  stop.abort()
  expect(await mayPush(claim, { database, signal: stop.signal })).toBe(false)
})
