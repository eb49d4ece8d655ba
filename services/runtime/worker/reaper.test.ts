import { afterAll, beforeAll, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryDirectory } from '@mogplex/kit/test-bench/ended-at-exit.ts'
import { RemoteOutage } from '../git/failure.ts'
import { markStreaming } from '../runs/transitions.ts'
import { createLocalSandboxProvider } from '../sandboxes/local/local.ts'
import { eventTypesOf } from '../test-bench/run-client.ts'
import { type Claim, releaseRun } from './claim.ts'
import { EventWriter } from './event-writer.ts'
import { sweep } from './reaper.ts'
import { noteRemoteOutage } from './remote-wait.ts'
import { log, useWorkerBench, type WorkerBench } from './test-bench.ts'

const dataDirectory = temporaryDirectory('reaper')
const provider = createLocalSandboxProvider({ dataDirectory, log })
let bench: WorkerBench
beforeAll(async () => {
  bench = await useWorkerBench()
})
afterAll(() => bench.close())

const reap = () =>
  sweep({
    database: bench.database,
    live: bench.live,
    log,
    provider,
    gitHost: { dataDirectory, allowPrivateHosts: true },
    pokeOutbox: () => undefined,
  })

async function streaming(): Promise<Claim> {
  const claim = await bench.claimed()
  await bench.database.transaction(tx => markStreaming(tx, claim.run, claim.leaseToken))
  return claim
}
const cancelRequested = ({ run }: Pick<Claim, 'run'>, secondsAgo: number) => bench.sql`
  update runtime.agent_runs set control_state = 'cancel_requested',
    updated_at = now() - make_interval(secs => ${secondsAgo}) where id = ${run.id}`
const outcomeOf = async ({ run }: Pick<Claim, 'run'>) => {
  const { status, failureCode } = await bench.read(run)
  return { status, failureCode, last: (await eventTypesOf(bench, run)).at(-1) }
}
const sandboxOf = async ({ sandbox }: Claim) => {
  const [row] =
    await bench.sql`select status, stop_reason, sandbox_id from runtime.sandboxes where id = ${sandbox.id}`
  return row
}
const inactiveFor = ({ sandbox }: Claim, seconds: number) => bench.sql`
  update runtime.sandboxes set last_active_at = now() - make_interval(secs => ${seconds}) where id = ${sandbox.id}`

test('a started run whose worker was lost fails, once however many sweep', async () => {
  const claim = await streaming()
  await reap()
  expect((await outcomeOf(claim)).status).toBe('streaming')
  await bench.letLeaseRunOut(claim)
  await Promise.all([reap(), reap(), reap()])
  expect(await outcomeOf(claim)).toEqual({ status: 'failed', failureCode: 'runner_lost', last: 'failed' })
  const types = await eventTypesOf(bench, claim.run)
  expect(types.filter(type => type === 'failed')).toHaveLength(1)
})

test('a cancelled run ends although its worker does nothing about it', async () => {
  const [recent, old] = [await streaming(), await streaming()]
  await cancelRequested(recent, 5)
  await cancelRequested(old, 30)
  await reap()
  expect((await outcomeOf(recent)).status).toBe('streaming')
  expect(await outcomeOf(old)).toEqual({ status: 'cancelled', failureCode: null, last: 'cancelled' })
  await bench.end(recent)
})

test('a cancelled run that nobody holds ends at once; one that is held is its worker’s to end', async () => {
  const held = await bench.claimed()
  await cancelRequested(held, 0)
  await reap()
  expect((await outcomeOf(held)).status).toBe('pending')
  await bench.letLeaseRunOut(held)
  await reap()
  expect((await outcomeOf(held)).status).toBe('cancelled')
})

test('a run that could not start for fifteen minutes fails', async () => {
  const [young, old] = [{ run: await bench.accept() }, { run: await bench.accept() }]
  await bench.sql`update runtime.agent_runs set created_at = now() - interval '14 minutes' where id = ${young.run.id}`
  await bench.sql`update runtime.agent_runs set created_at = now() - interval '16 minutes' where id = ${old.run.id}`
  await reap()
  expect((await outcomeOf(young)).status).toBe('pending')
  expect(await outcomeOf(old)).toMatchObject({ status: 'failed', failureCode: 'runner_lost' })
  await bench.end(young)
})

test('a run that waited fifteen minutes for its remote ends with what the remote said', async () => {
  const claim = await bench.claimed()
  const lease = bench.hold(claim)
  const limits = { maxBytes: 1_000_000, maxEvents: 1_000 }
  const writer = new EventWriter({
    ...bench,
    log,
    claim,
    lease,
    secrets: [],
    limits,
    onStored: () => undefined,
  })
  await noteRemoteOutage(
    writer,
    new RemoteOutage('git_sync_failed', 'Git sync failed: not available (HTTP 503)'),
  )
  await bench.database.transaction(tx => releaseRun(tx, claim, 3))
  lease.end()
  await reap()
  expect((await outcomeOf(claim)).status).toBe('pending')
  await bench.sql`update runtime.agent_runs set created_at = now() - interval '16 minutes' where id = ${claim.run.id}`
  await reap()
  expect(await outcomeOf(claim)).toEqual({ status: 'failed', failureCode: 'git_sync_failed', last: 'failed' })
  expect((await bench.read(claim.run)).error).toBe(
    'The run could not start within 15 minutes. Git sync failed: not available (HTTP 503)',
  )
})

test('a sandbox whose run is over is paused, its files stay; one that a run holds is left alone', async () => {
  const [held, over] = [await streaming(), await streaming()]
  for (const claim of [held, over]) {
    const sandboxId = await provider.create(claim.sandbox.id)
    await bench.sql`update runtime.sandboxes set status = 'running', sandbox_id = ${sandboxId} where id = ${sandboxId}`
    await inactiveFor(claim, 60)
  }
  await bench.end(over)
  await reap()
  expect((await sandboxOf(held))?.status).toBe('running')
  expect(await sandboxOf(over)).toMatchObject({ status: 'paused', stop_reason: 'auto_pause' })
  expect(await provider.exists(over.sandbox.id)).toBe(true)
  await bench.end(held)
})

test('what was never allocated is stopped; what just ended is left to its worker', async () => {
  const [old, fresh] = [await streaming(), await streaming()]
  await bench.end(old)
  await bench.end(fresh)
  await inactiveFor(old, 60)
  await reap()
  expect((await sandboxOf(old))?.status).toBe('stopped')
  expect((await sandboxOf(fresh))?.status).toBe('creating')
})

test('a retired sandbox is stopped once it rests, and nothing of it is kept', async () => {
  const claim = await streaming()
  const sandboxId = await provider.create(claim.sandbox.id)
  await bench.end(claim)
  await bench.sql`update runtime.sandboxes set status = 'paused', sandbox_id = ${sandboxId}, is_retired = true
    where id = ${sandboxId}`
  await reap()
  expect(await sandboxOf(claim)).toMatchObject({ status: 'stopped', sandbox_id: null })
  expect(existsSync(join(dataDirectory, 'sandboxes', sandboxId))).toBe(false)
})
