import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { temporaryDirectory } from '@mogplex/kit/test-bench/ended-at-exit.ts'
import { createLocalSandboxProvider } from '../sandboxes/local/local.ts'
import type { Claim } from './claim.ts'
import { sweep } from './reaper.ts'
import { CLAIM, log, useWorkerBench, type WorkerBench } from './test-bench.ts'
import { startWorker } from './worker.ts'

const dataDirectory = temporaryDirectory('disk-room')
/** No disk has that much left. */
const limits = { freeBytes: 2 ** 60 }
const provider = createLocalSandboxProvider({ dataDirectory, log, limits })
let bench: WorkerBench
beforeAll(async () => {
  bench = await useWorkerBench()
})
afterAll(() => bench.close())
afterEach(async () => {
  await bench.sql`update runtime.agent_runs set status = 'cancelled' where status in ('pending', 'streaming')`
})

const reap = () =>
  sweep({
    database: bench.database,
    live: bench.live,
    log,
    provider,
    gitHost: { dataDirectory, allowPrivateHosts: true },
    pokeOutbox: () => undefined,
  })

/** A paused sandbox whose last agent ended so, this long ago. */
async function paused(status: 'success' | 'failed', minutesAgo: number): Promise<Claim> {
  const claim = await bench.claimed()
  const sandboxId = await provider.create(claim.sandbox.id)
  await bench.sql`update runtime.sandboxes set status = 'paused', sandbox_id = ${sandboxId},
    last_active_at = now() - make_interval(mins => ${minutesAgo}) where id = ${sandboxId}`
  await bench.sql`update runtime.agent_runs set status = ${status}, streaming_at = now(), lease_token = null
    where id = ${claim.run.id}`
  return claim
}
const haveFiles = ({ sandbox }: Claim) => existsSync(join(dataDirectory, 'sandboxes', sandbox.id))

test('while the disk has too little left no run is claimed; then they are', async () => {
  const run = await bench.accept()
  let reason: string | null = 'the disk is full'
  const claimed: string[] = []
  const worker = startWorker({
    database: bench.database,
    log,
    concurrency: 1,
    claim: CLAIM,
    shortage: () => reason,
    execute: async claim => void claimed.push(claim.run.id),
  })
  worker.poke()
  await Bun.sleep(300)
  expect(claimed).toEqual([])
  reason = null
  worker.poke()
  expect(await waitUntil(() => claimed.includes(run.id), { limitMs: 10_000 })).toBe(true)
  await worker.stop(0)
})

test('a run that waited for disk in vain says so', async () => {
  const run = await bench.accept()
  await bench.sql`update runtime.agent_runs set created_at = now() - interval '16 minutes' where id = ${run.id}`
  await reap()
  const { status, error } = await bench.read(run)
  expect(status).toBe('failed')
  expect(error).toMatch(/could not start within 15 minutes\. The disk of .* has .* left.*DISK_FREE_FLOOR_MB/)
})

test('a host that lacks disk gets it from paused sandboxes, but for those with work that was not delivered', async () => {
  const [delivered, undelivered] = [await paused('success', 10), await paused('failed', 20)]
  await reap()
  expect([haveFiles(delivered), haveFiles(undelivered)]).toEqual([false, true])
  const rows = await bench.sql`select status, stop_reason from runtime.sandboxes
    where id in (${delivered.sandbox.id}, ${undelivered.sandbox.id}) order by status`
  expect([...rows]).toEqual([
    { status: 'paused', stop_reason: null },
    { status: 'stopped', stop_reason: 'idle_timeout' },
  ])
})
