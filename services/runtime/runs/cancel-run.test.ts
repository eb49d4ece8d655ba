import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { newId } from '@mogplex/kit/ids.ts'
import { liveRunSubject } from '@mogplex/proto/runtime.ts'
import { eq, sql } from 'drizzle-orm'
import { type AgentRun, agentRuns, aiCalls, outbox } from '../database/schema.ts'
import { newEvent } from '../events/append.ts'
import { type HttpRuntime, useHttpRuntime } from '../test-bench/http-runtime.ts'
import { acceptedRun, eventTypesOf, RUNS_PATH, readRun } from '../test-bench/run-client.ts'
import { cancelRun } from './cancel-run.ts'
import { cancelledOutcome, finishRun, heldBy, type RunOutcome } from './transitions.ts'

// bunfig.toml cannot set it, and a helper only for the first file that imports it.
setDefaultTimeout(120_000)

let runtime: HttpRuntime
beforeAll(async () => {
  runtime = await useHttpRuntime()
})
afterAll(() => runtime.close())

async function cancel(run: AgentRun, by = runtime.call) {
  const path = `${RUNS_PATH}/${run.id}/cancel`
  const response = await by('POST', path, { as: { userId: run.userId }, body: 'is ignored' })
  const { data, error } = (await response.json()) as { data: Record<string, unknown>; error: unknown }
  const { run: shown, ...rest } = data ?? {}
  return { status: response.status, run: shown, answer: rest, error }
}

/** A run that a worker holds, `secondsLeft` of its lease. */
async function heldRun(
  status: 'pending' | 'streaming',
  secondsLeft = 60,
): Promise<AgentRun & { token: string }> {
  const run = await acceptedRun(runtime)
  const token = newId()
  await runtime.database
    .update(agentRuns)
    .set({ status, leaseToken: token, leaseExpiresAt: sql`now() + make_interval(secs => ${secondsLeft})` })
    .where(eq(agentRuns.id, run.id))
  await runtime.database.update(aiCalls).set({ status }).where(eq(aiCalls.id, run.aiCallId))
  return { ...(await readRun(runtime, run.id)), token }
}

/** What a worker does when it is woken. */
function whenWoken(run: AgentRun & { token: string }, outcome: RunOutcome): () => void {
  return runtime.live.onWake(liveRunSubject(run.id), async () => {
    const { controlState } = await readRun(runtime, run.id)
    if (controlState !== 'cancel_requested') return
    await runtime.database.transaction(tx =>
      finishRun(tx, run, outcome, ['pending', 'streaming'], heldBy(run.token)),
    )
    runtime.live.wake(liveRunSubject(run.id))
  })
}

const requested = { alreadyTerminal: false, outcome: 'cancellation_requested' }
const terminal = { alreadyTerminal: true, outcome: 'already_terminal' }

test('a run nobody picked up is cancelled at once', async () => {
  const run = await acceptedRun(runtime)
  const first = await cancel(run)
  expect([first.status, first.answer]).toEqual([200, { status: 'cancelled', ...requested }])
  expect(first.run).toMatchObject({ runId: run.id, status: 'cancelled', error: null })
  expect(await eventTypesOf(runtime, run)).toEqual(['started', 'cancel_requested', 'cancelled'])
  const [call] = await runtime.database.select().from(aiCalls).where(eq(aiCalls.id, run.aiCallId))
  expect(call?.status).toBe('cancelled')
  const ofUser = eq(outbox.userId, run.userId)
  const facts = await runtime.database.select().from(outbox).where(ofUser).orderBy(outbox.id)
  expect(facts.map(fact => fact.subject)).toEqual(['evt.runtime.run.accepted', 'evt.runtime.run.finished'])

  const again = await cancel(run)
  expect([again.status, again.answer]).toEqual([200, { status: 'cancelled', ...terminal }])
  expect(again.run).toEqual(first.run as never)
})

test('a run whose worker died before it began is cancelled at once', async () => {
  const run = await heldRun('pending', -1)
  expect((await cancel(run)).answer).toEqual({ status: 'cancelled', ...requested })
})

test('however often it is asked for at once: one request, one end', async () => {
  const replica = await runtime.startReplica()
  for (let round = 0; round < 5; round += 1) {
    const run = await acceptedRun(runtime)
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => cancel(run, index % 2 ? runtime.call : replica.call)),
    )
    expect(answers.map(({ answer }) => answer.status)).toEqual(Array(20).fill('cancelled'))
    expect(await eventTypesOf(runtime, run)).toEqual(['started', 'cancel_requested', 'cancelled'])
  }
  await replica.stop()
})

test.each(['pending', 'streaming'] as const)(
  'a %s run that a worker holds is ended by the worker',
  async status => {
    const run = await heldRun(status)
    const forget = whenWoken(run, cancelledOutcome(run))
    expect((await cancel(run)).answer).toEqual({ status: 'cancelled', ...requested })
    forget()
    expect(await eventTypesOf(runtime, run)).toEqual(['started', 'cancel_requested', 'cancelled'])
  },
)

test('a worker that does not answer: still streaming, the request stays, once', async () => {
  const run = await heldRun('streaming')
  const deps = { ...runtime, pokeOutbox: () => undefined }
  for (let round = 0; round < 3; round += 1) {
    const { view, alreadyTerminal } = await cancelRun(deps, run.userId, run.id, 100)
    expect([view.run.status, view.run.controlState, alreadyTerminal]).toEqual([
      'streaming',
      'cancel_requested',
      false,
    ])
  }
  expect(await eventTypesOf(runtime, run)).toEqual(['started', 'cancel_requested'])
})

test('a call that waits for the stop takes five seconds and no connection', async () => {
  const runs = await Promise.all(Array.from({ length: 15 }, () => heldRun('streaming')))
  const startedAtMs = performance.now()
  let answered = 0
  const waiting = Promise.all(
    runs.map(async run => {
      const answer = await cancel(run)
      answered += 1
      return answer
    }),
  )
  // More wait than there are connections, and a stranger gets in all the same.
  const reader = await acceptedRun(runtime)
  expect(answered).toBe(0)
  expect((await waiting).map(({ answer }) => answer)).toEqual(
    Array(15).fill({ status: 'streaming', ...requested }),
  )
  expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(4_900)
  expect(reader.status).toBe('pending')
})

test('a run that finishes meanwhile has finished', async () => {
  const run = await heldRun('streaming')
  const terminalEvent = newEvent('finished', { message: 'Done', payload: { exit_code: 0 } })
  const success = {
    status: 'success',
    error: null,
    failureCode: null,
    delivery: null,
    terminalEvent,
  } as const
  const forget = whenWoken(run, success)
  expect((await cancel(run)).answer).toEqual({ status: 'success', ...requested })
  forget()
  expect(await eventTypesOf(runtime, run)).toEqual(['started', 'cancel_requested', 'finished'])
  expect((await cancel(run)).answer).toEqual({ status: 'success', ...terminal })
})

test.each(['success', 'failed', 'cancelled'] as const)(
  'a run behind its %s call takes over its end',
  async status => {
    const run = await heldRun('streaming')
    const error = status === 'failed' ? 'The agent gave up' : null
    await runtime.database.update(aiCalls).set({ status, error }).where(eq(aiCalls.id, run.aiCallId))
    const { answer, run: shown } = await cancel(run)
    expect(answer).toEqual({ status, ...terminal })
    expect(shown).toMatchObject({ status, error })
    expect(await eventTypesOf(runtime, run)).toEqual(['started'])
  },
)

test('a run without its call is inconsistent', async () => {
  const run = await acceptedRun(runtime)
  await runtime.database.delete(aiCalls).where(eq(aiCalls.id, run.aiCallId))
  const { status, error } = await cancel(run)
  expect([status, error]).toEqual([409, { code: 'CONFLICT', message: 'Run state is inconsistent' }])
  expect((await readRun(runtime, run.id)).controlState).toBeNull()
})
