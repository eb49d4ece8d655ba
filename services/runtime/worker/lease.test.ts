import { afterAll, beforeAll, expect, test } from 'bun:test'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { liveRunSubject } from '@mogplex/proto/runtime.ts'
import type { Lease } from './lease.ts'
import { useWorkerBench, type WorkerBench } from './test-bench.ts'

let bench: WorkerBench
beforeAll(async () => {
  bench = await useWorkerBench()
})
afterAll(() => bench.close())

const stops = (lease: Lease) => waitUntil(() => lease.signal.aborted, { limitMs: 30_000, everyMs: 20 })
const secondsLeft = async (runId: string) => {
  const [row] = await bench.sql<{ left: number }[]>`
    select extract(epoch from lease_expires_at - now())::float as left from runtime.agent_runs where id = ${runId}`
  return row?.left ?? 0
}

test('it is renewed for as long as it is held, after a cancel too', async () => {
  const claim = await bench.claimed(4)
  const lease = bench.hold(claim, 4)
  await bench.sql`update runtime.agent_runs set control_state = 'cancel_requested' where id = ${claim.run.id}`
  bench.live.wake(liveRunSubject(claim.run.id))
  expect(await stops(lease)).toBe(true)
  await Bun.sleep(5_000)
  expect(await secondsLeft(claim.run.id)).toBeGreaterThan(0)
  expect(lease.stopReason()).toBe('cancelled')
  lease.end()
  const left = await secondsLeft(claim.run.id)
  await Bun.sleep(2_000)
  expect(await secondsLeft(claim.run.id)).toBeLessThan(left)
}, 120_000)

test('a cancel stops the work within a poll when its wake is lost', async () => {
  const claim = await bench.claimed()
  const lease = bench.hold(claim)
  await bench.sql`update runtime.agent_runs set control_state = 'cancel_requested' where id = ${claim.run.id}`
  expect(await stops(lease)).toBe(true)
  expect(lease.stopReason()).toBe('cancelled')
  lease.end()
})

test('work stops when somebody else holds the run, and that is the last word', async () => {
  const claim = await bench.claimed()
  const lease = bench.hold(claim)
  lease.abort('cancelled')
  expect(lease.stopReason()).toBe('cancelled')
  await bench.sql`update runtime.agent_runs set lease_token = gen_random_uuid() where id = ${claim.run.id}`
  await waitUntil(() => lease.stopReason() === 'lease-lost', { limitMs: 30_000 })
  lease.abort('shutdown')
  expect(lease.stopReason()).toBe('lease-lost')
  lease.end()
})

test('a database that answers nothing ends the work with the lease, and not before', async () => {
  const claim = await bench.claimed(4)
  const lease = bench.hold(claim, 4)
  const startedAtMs = performance.now()
  await bench.sql.begin(async tx => {
    await tx`lock table runtime.agent_runs in access exclusive mode`
    expect(await stops(lease)).toBe(true)
  })
  expect(lease.stopReason()).toBe('lease-lost')
  expect(performance.now() - startedAtMs).toBeGreaterThan(2_000)
  lease.end()
}, 120_000)
