/** What becomes of a run whose events cannot be written, or not as fast as its agent talks. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { isDatabaseAway, isStatementTimeout } from '@mogplex/kit/database/connect.ts'
import { newEvent } from '../events/append.ts'
import { createEchoParser } from '../harnesses/echo/parser.ts'
import type { Claim } from './claim.ts'
import { EventWriter } from './event-writer.ts'
import type { Lease } from './lease.ts'
import { type HarnessLimits, runHarness } from './run-harness.ts'
import { log, type SandboxBench, useSandboxBench } from './test-bench.ts'

setDefaultTimeout(120_000)

/** How soon nothing of an agent that was stopped may run any more. */
const GONE_LIMIT_MS = 10_000
/** Says as much as is taken. */
const FLOOD = 'yes flood'
const NO_LIMITS: HarnessLimits = { timeoutMs: 60_000, idleTimeoutMs: 60_000 }

let bench: SandboxBench
beforeAll(async () => {
  bench = await useSandboxBench()
})
afterAll(() => bench.close())

/** Nobody can write an event until it is let go. */
async function lockEvents() {
  const held = Promise.withResolvers<void>()
  const letGo = Promise.withResolvers<void>()
  const done = bench.sql.begin(async sql => {
    await sql`lock table runtime.ai_call_events in exclusive mode`
    held.resolve()
    await letGo.promise
  })
  await held.promise
  return async () => {
    letGo.resolve()
    await done
  }
}

const writerOf = (claim: Claim, lease: Lease) =>
  new EventWriter({
    ...{ database: bench.database, log, claim, lease, secrets: [], onStored: () => undefined },
    limits: { maxBytes: 64 * 1024 * 1024, maxEvents: 50_000 },
  })

async function start(claim: Claim, script: string, limits = NO_LIMITS, leaseSeconds = 60) {
  const lease = bench.hold(claim, leaseSeconds)
  const writer = writerOf(claim, lease)
  const child = await bench.provider.start(bench.sandboxId, { argv: ['sh', '-c', script], network: 'none' })
  const options = { writer, lease, limits, secrets: [], onTurnEnd: () => undefined }
  const result = runHarness(child, createEchoParser(), options)
  return { lease, writer, child, result }
}

const messages = async ({ run }: Claim) =>
  (
    await bench.sql<{ message: string }[]>`
      select message from runtime.ai_call_events where ai_call_id = ${run.aiCallId} and event_type = 'log'
      order by position`
  ).map(({ message }) => message)

test.each([
  ['cancelled', `trap '' INT; ${FLOOD}`],
  ['shutdown', FLOOD],
  ['lease-lost', FLOOD],
] as const)(
  'an agent that floods is gone in time though no event can be written: %s',
  async (why, script) => {
    const claim = await bench.claimed()
    const { lease, child, result } = await start(claim, script)
    const letGo = await lockEvents()
    await Bun.sleep(200)
    const stoppedAtMs = performance.now()
    lease.abort(why)
    await child.exited
    expect(performance.now() - stoppedAtMs).toBeLessThan(GONE_LIMIT_MS)
    expect((await result).endedBy).toBe(why)
    await letGo()
    lease.end()
    await bench.end(claim)
  },
)

test('the time limit of a run ends an agent that nobody can read', async () => {
  const claim = await bench.claimed()
  const letGo = await lockEvents()
  const { lease, result } = await start(claim, FLOOD, { ...NO_LIMITS, timeoutMs: 300 })
  expect((await result).endedBy).toBe('timeout')
  await letGo()
  lease.end()
  await bench.end(claim)
})

test('a cancel that was only written into the row is seen, and the lease kept, while events wait', async () => {
  const claim = await bench.claimed(2)
  const { lease, result } = await start(claim, FLOOD, NO_LIMITS, 2)
  const letGo = await lockEvents()
  // Longer than the lease is good for.
  await Bun.sleep(2_500)
  expect(lease.stopReason()).toBeNull()
  await bench.sql`update runtime.agent_runs set control_state = 'cancel_requested' where id = ${claim.run.id}`
  expect((await result).endedBy).toBe('cancelled')
  await letGo()
  lease.end()
  await bench.end(claim)
})

test('an agent that is held back is not silent', async () => {
  const claim = await bench.claimed()
  const { lease, result } = await start(claim, `yes '{"type":"assistant","text":"flood"}' | head -n 20000`, {
    timeoutMs: 60_000,
    idleTimeoutMs: 1_000,
  })
  const letGo = await lockEvents()
  await Bun.sleep(1_800)
  await letGo()
  expect((await result).endedBy).toBe('exit')
  lease.end()
  await bench.end(claim)
})

/** Postgres gives up on statements that store an event for which `when` is true, as on one that takes too long. */
async function makeSlow(when: string) {
  await bench.sql.unsafe(`
    create sequence runtime.tries;
    create function runtime.give_up() returns trigger language plpgsql as $$ begin
      if ${when} then raise exception using errcode = 'query_canceled'; end if;
      return new;
    end $$;
    create trigger give_up before insert on runtime.ai_call_events
      for each row execute function runtime.give_up()`)
  return () =>
    bench.sql.unsafe(`drop trigger give_up on runtime.ai_call_events; drop function runtime.give_up();
      drop sequence runtime.tries`)
}

test('statements that take too long for a while cost no event', async () => {
  const claim = await bench.claimed()
  const lease = bench.hold(claim)
  const writer = writerOf(claim, lease)
  const makeFast = await makeSlow("nextval('runtime.tries') < 8")
  const words = Array.from({ length: 40 }, (_, index) => String(index))
  await writer.add(words.map(message => newEvent('log', { message, payload: {} })))
  await writer.flush()
  await makeFast()
  expect([await messages(claim), writer.closingNote()]).toEqual([words, null])
  lease.end()
  await bench.end(claim)
})

test('an event that takes too long each time is dropped, and the others are stored', async () => {
  const claim = await bench.claimed()
  const lease = bench.hold(claim)
  const writer = writerOf(claim, lease)
  const makeFast = await makeSlow("new.message = 'slow'")
  const words = ['a', 'b', 'slow', 'c', 'd']
  await writer.add(words.map(message => newEvent('log', { message, payload: {} })))
  await writer.flush()
  await makeFast()
  expect(await messages(claim)).toEqual(['a', 'b', 'c', 'd'])
  expect(writer.closingNote()?.message).toBe("Not kept of the agent's output: 1 event")
  lease.end()
  await bench.end(claim)
})

test('a statement that took too long is told from a database that is away', async () => {
  const sleeping = bench.sql.begin(async sql => {
    await sql`set local statement_timeout = 50`
    await sql`select pg_sleep(5)`
  })
  const failure = await sleeping.catch((err: unknown) => err)
  expect([isStatementTimeout(failure), isDatabaseAway(failure)]).toEqual([true, false])
})

test('while an agent floods, others get their turn', async () => {
  const claim = await bench.claimed()
  const { lease, result } = await start(
    claim,
    "head -c 1000000 /dev/zero | tr '\\\\0' '\\\\n'; yes '[1]' | head -n 10000",
  )
  let turns = 0
  const timer = setInterval(() => {
    turns += 1
  }, 5)
  const startedAtMs = performance.now()
  await result
  clearInterval(timer)
  // Every 8 ms the reader gives its turn away; a machine that is busy with others takes longer over each.
  expect(turns).toBeGreaterThan((performance.now() - startedAtMs) / 100)
  lease.end()
  await bench.end(claim)
})
