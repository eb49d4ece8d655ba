import { afterAll, beforeAll, expect, test } from 'bun:test'
import { connectDatabase, type DatabaseConnection } from '@mogplex/kit/database/connect.ts'
import { migrate } from '@mogplex/kit/database/migrate.ts'
import { newId } from '@mogplex/kit/ids.ts'
import { createLog } from '@mogplex/kit/log.ts'
import { messageRetention } from '@mogplex/kit/outbox/retention.ts'
import { prune } from '@mogplex/kit/retention/prune.ts'
import { usePostgres } from '@mogplex/kit/test-bench/postgres.ts'
import { bothSidesOf, idMadeAt, indexesOf } from '@mogplex/kit/test-bench/retention.ts'
import { RUN_START_ROUTE_KEY } from '../runs/budget.ts'
import { claimRunStart } from '../runs/budget-store.ts'
import { obsoleteRunListeners } from '../worker/obsolete-runs.ts'
import { LIMIT_EVENTS_KEPT_DAYS, runtimeRetention } from './retention.ts'
import { aiCallEvents, aiCalls, deadLetters, inbox, limitEvents, outbox } from './schema.ts'

const EVENTS_KEPT_DAYS = 90
const rules = runtimeRetention({ eventsKeptDays: EVENTS_KEPT_DAYS })

const log = createLog({ process: 'test', level: 'silent' })
let connection: DatabaseConnection
beforeAll(async () => {
  const { url } = await (await usePostgres()).createDatabase('runtime')
  connection = await connectDatabase({ url, applicationName: 'test', log })
  await migrate(connection.sql, { schema: 'runtime', folder: `${import.meta.dir}/migrations` })
})
afterAll(() => connection.close())

test('starts and refusals go once no window can count them; a full window stays full', async () => {
  const { database } = connection
  const userId = newId()
  const { older, younger } = bothSidesOf(LIMIT_EVENTS_KEPT_DAYS)
  const windowEnd = bothSidesOf(1).younger
  const decided = (decision: 'allowed' | 'denied', at: Date) => ({
    ...{ id: idMadeAt(at), userId, routeKey: RUN_START_ROUTE_KEY, decision, reason: null, createdAt: at },
  })
  const counted = Array.from({ length: 150 }, () => decided('allowed', windowEnd))
  const kept = [decided('allowed', younger), decided('denied', younger), ...counted]
  await database.insert(limitEvents).values([decided('allowed', older), decided('denied', older), ...kept])
  await prune({ database, log, rules })
  const left = await database.select({ id: limitEvents.id }).from(limitEvents)
  expect(left.map(({ id }) => id).toSorted()).toEqual(kept.map(({ id }) => id).toSorted())
  const denial = await database.transaction(tx => claimRunStart(tx, userId, new Date()))
  expect(denial?.reason).toBe('external_agent_run_daily_quota_exceeded')
})

/** A call with an event from either side of the limit; gives the ids of the two. */
async function callWithEvents(status: 'streaming' | 'success') {
  const { database } = connection
  const call = { id: newId(), userId: newId(), type: 'agent', status, model: 'harness:echo', eventCount: 2 }
  await database.insert(aiCalls).values(call)
  const { older, younger } = bothSidesOf(EVENTS_KEPT_DAYS)
  const [old, young] = [older, younger].map((createdAt, index) => ({
    ...{ id: idMadeAt(createdAt), aiCallId: call.id, position: index + 1, createdAt },
    ...{ eventType: 'log' as const, payload: {}, bytes: 2 },
  }))
  if (!old || !young) throw new Error('there are two')
  await database.insert(aiCallEvents).values([old, young])
  return { callId: call.id, old: old.id, young: young.id }
}

const eventsLeft = async () =>
  (await connection.database.select({ id: aiCallEvents.id }).from(aiCallEvents))
    .map(({ id }) => id)
    .toSorted()

test('old events of ended runs go, those of a run that runs stay, and so does what says how it ended', async () => {
  const { database } = connection
  const [ended, running] = [await callWithEvents('success'), await callWithEvents('streaming')]
  await prune({ database, log, rules: runtimeRetention({ eventsKeptDays: 0 }) })
  expect(await eventsLeft()).toHaveLength(4)
  await prune({ database, log, rules })
  expect(await eventsLeft()).toEqual([ended.young, running.old, running.young].toSorted())
  const calls = await database.select({ id: aiCalls.id }).from(aiCalls)
  expect(calls.map(({ id }) => id).toSorted()).toEqual([ended.callId, running.callId].toSorted())
})

test('every rule finds its rows by an index', async () => {
  const consumers = obsoleteRunListeners.map(({ reader }) => reader.consumer)
  const messages = messageRetention({ outbox, inbox, deadLetters }, consumers)
  expect(await indexesOf(connection.database, [...rules, ...messages])).toEqual([
    'limit_events by limit_events_pkey',
    'ai_call_events by ai_call_events_pkey',
    'outbox by outbox_unpublished',
    ...consumers.map(() => 'inbox by inbox_consumer_event_id_pk'),
    'dead_letters by dead_letters_pkey',
  ])
})
