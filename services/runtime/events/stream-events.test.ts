import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { connect } from 'node:net'
import { connectDatabase } from '@mogplex/kit/database/connect.ts'
import { createLog } from '@mogplex/kit/log.ts'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { liveRunSubject } from '@mogplex/proto/runtime.ts'
import { asc, eq } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/postgres-js'
import { type AgentRun, aiCallEvents } from '../database/schema.ts'
import { finishRun, isUnheld } from '../runs/transitions.ts'
import { readEventStream } from '../test-bench/event-stream.ts'
import { countListeners, type HttpRuntime, type Replica, useHttpRuntime } from '../test-bench/http-runtime.ts'
import { acceptedRun, RUNS_PATH } from '../test-bench/run-client.ts'
import { appendEvents, newEvent } from './append.ts'
import { streamEvents } from './stream-events.ts'

// bunfig.toml cannot set it, and a helper only for the first file that imports it.
setDefaultTimeout(120_000)

let runtime: HttpRuntime
beforeAll(async () => {
  runtime = await useHttpRuntime()
})
afterAll(() => runtime.close())

const until = async (isTrue: () => boolean) => expect(await waitUntil(isTrue, { limitMs: 20_000 })).toBe(true)

const log = createLog({ process: 'test', level: 'silent' })

/** Opens the stream; `options` as a browser or a script sends them. */
async function open(
  run: AgentRun,
  options: { lastEventId?: string; query?: string; by?: Replica; signal?: AbortSignal } = {},
): Promise<Response> {
  const { by = runtime, lastEventId, query = '' } = options
  const headers = { accept: 'text/event-stream', ...(lastEventId ? { 'last-event-id': lastEventId } : {}) }
  const response = await by.call('GET', `${RUNS_PATH}/${run.id}/events${query}`, { as: run, headers })
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  return response
}

async function append(run: AgentRun, messages: string[], database = runtime.database): Promise<void> {
  const events = messages.map(message => newEvent('log', { message, payload: { stage: 'output' } }))
  await database.transaction(tx => appendEvents(tx, run.aiCallId, events))
  runtime.live.wake(liveRunSubject(run.id))
}

async function finish(run: AgentRun): Promise<void> {
  const terminalEvent = newEvent('finished', { message: 'Done', payload: { exit_code: 0 } })
  const outcome = {
    status: 'success',
    error: null,
    failureCode: null,
    delivery: null,
    terminalEvent,
  } as const
  await runtime.database.transaction(tx => finishRun(tx, run, outcome, ['pending', 'streaming'], isUnheld()))
  runtime.live.wake(liveRunSubject(run.id))
}

async function storedIds(run: AgentRun): Promise<string[]> {
  const rows = await runtime.database
    .select({ id: aiCallEvents.id })
    .from(aiCallEvents)
    .where(eq(aiCallEvents.aiCallId, run.aiCallId))
    .orderBy(asc(aiCallEvents.position))
  return rows.map(row => row.id)
}

const messagesOf = async (response: Response) =>
  (await Array.fromAsync(readEventStream(response))).map(({ data }) => data.message)

test('10,000 events by two writers, the stream cut at 100 random places: each event once, in order', async () => {
  const run = await acceptedRun(runtime)
  const second = await connectDatabase({ url: runtime.databaseUrl, applicationName: 'writer', log })
  const left = { count: 9_998 }
  const write = async (name: string, database: typeof runtime.database) => {
    for (let batch = 0; left.count > 0; batch += 1) {
      const size = Math.min(left.count, 1 + Math.floor(Math.random() * 60))
      left.count -= size
      await append(
        run,
        Array.from({ length: size }, (_, index) => `${name} ${batch} ${index}`),
        database,
      )
    }
  }
  const writing = Promise.all([write('a', runtime.database), write('b', second.database)]).then(() =>
    finish(run),
  )

  const cuts = new Set(Array.from({ length: 200 }, () => 1 + Math.floor(Math.random() * 9_990)).slice(0, 100))
  const seen: string[] = []
  let resumptions = 0
  for (let isOver = false; !isOver; ) {
    const response = await open(run, { lastEventId: seen.at(-1) ?? '' })
    isOver = true
    for await (const { id, data } of readEventStream(response)) {
      expect(data.id).toBe(id)
      seen.push(id)
      if (!cuts.delete(seen.length)) continue
      resumptions += 1
      isOver = false
      break
    }
  }
  await writing
  await second.close()
  expect(resumptions).toBeGreaterThan(80)
  expect(seen).toHaveLength(10_000)
  expect(seen).toEqual(await storedIds(run))
})

test('a stream begins at the first event, ends after the last one, and late logs still come', async () => {
  const run = await acceptedRun(runtime)
  const reading = messagesOf(await open(run))
  await append(run, ['one', 'two'])
  await finish(run)
  expect(await reading).toEqual(['External Mogplex run accepted', 'one', 'two', 'Done'])
  await append(run, ['late'])
  expect(await messagesOf(await open(run))).toEqual([
    'External Mogplex run accepted',
    'one',
    'two',
    'Done',
    'late',
  ])
})

test('`after` begins behind an event; `Last-Event-ID` wins over it; behind the end nothing comes', async () => {
  const run = await acceptedRun(runtime)
  await append(run, ['one', 'two'])
  await finish(run)
  const [, one, two, done] = await storedIds(run)
  expect(await messagesOf(await open(run, { query: `?after=${one}` }))).toEqual(['two', 'Done'])
  expect(await messagesOf(await open(run, { query: '?after=start' }))).toHaveLength(4)
  expect(await messagesOf(await open(run, { query: `?after=${one}`, lastEventId: two }))).toEqual(['Done'])
  expect(await messagesOf(await open(run, { query: '?after=unknown', lastEventId: two }))).toEqual(['Done'])
  expect(await messagesOf(await open(run, { lastEventId: done }))).toEqual([])
})

test('a stream outlives a database that is away for a moment', async () => {
  const run = await acceptedRun(runtime)
  const stream = readEventStream(await open(run))
  await stream.next()
  await runtime.sql`alter table runtime.ai_call_events rename to away`
  runtime.live.wake(liveRunSubject(run.id))
  await Bun.sleep(100)
  await runtime.sql`alter table runtime.away rename to ai_call_events`
  await append(run, ['after'])
  expect((await stream.next()).value?.data.message).toBe('after')
  await stream.return(undefined)
})

test('nothing is left of a stream whose client went, whether it read or not', async () => {
  await until(() => runtime.listeners.count === 0)
  const run = await acceptedRun(runtime)
  const streams = await Promise.all(Array.from({ length: 20 }, async () => readEventStream(await open(run))))
  for (const stream of streams.slice(0, 10)) await stream.next()
  await until(() => runtime.listeners.count === 20)
  await Promise.all(streams.slice(0, 10).map(stream => stream.return(undefined)))
  await until(() => runtime.listeners.count === 10)
  for (const stream of streams.slice(10)) {
    await stream.next()
    await stream.return(undefined)
  }
  await until(() => runtime.listeners.count === 0)
})

test('a service that stops ends its streams in order; the client goes on elsewhere', async () => {
  const run = await acceptedRun(runtime)
  const replica = await runtime.startReplica()
  const stream = readEventStream(await open(run, { by: replica }))
  expect((await stream.next()).value?.data.message).toBe('External Mogplex run accepted')
  const rest = Array.fromAsync(stream)
  await replica.stop()
  expect(await rest).toEqual([])
})

/** The stream on a server of its own, with its queries counted. */
function serveStream(run: AgentRun, timing = { pollMs: 1_000, keepAliveMs: 15_000 }) {
  const queries = { count: 0 }
  const database = drizzle(runtime.sql, {
    logger: {
      logQuery: () => {
        queries.count += 1
      },
    },
  })
  const listeners = { count: 0 }
  const live = countListeners(runtime.live, listeners)
  const deps = { database, live, log, stopping: new AbortController().signal }
  const start = { runId: run.id, callId: run.aiCallId, position: 0 }
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: (request, serving) => {
      serving.timeout(request, 0)
      return streamEvents(deps, start, request.signal, timing)
    },
  })
  return { server, queries, listeners }
}

test('a client that does not read holds back the reading of the table', async () => {
  const run = await acceptedRun(runtime)
  for (let batch = 0; batch < 40; batch += 1) await append(run, Array(250).fill('x'.repeat(1_900)))
  await finish(run)
  const { server, queries, listeners } = serveStream(run)
  const socket = connect(server.port ?? 0, '127.0.0.1').pause()
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await until(() => queries.count > 0)
  await Bun.sleep(1_500)
  const whilePaused = queries.count
  // All of it is 100 batches of 200 KB; the kernel's buffers take some of them.
  expect(whilePaused).toBeWithin(1, 60)
  const gone = connect(server.port ?? 0, '127.0.0.1').pause()
  gone.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await until(() => listeners.count === 2)
  gone.destroy()
  await until(() => listeners.count === 1)
  const before = queries.count
  socket.resume()
  await until(() => queries.count >= before + 40)
  socket.destroy()
  await server.stop(true)
})

test('a silent stream says that it lives', async () => {
  const run = await acceptedRun(runtime)
  const { server } = serveStream(run, { pollMs: 20, keepAliveMs: 100 })
  const comments: string[] = []
  const reading = Array.fromAsync(readEventStream(await fetch(server.url), text => comments.push(text)))
  await until(() => comments.filter(text => text === ': keep-alive').length >= 3)
  await finish(run)
  expect(await reading).toHaveLength(2)
  await server.stop(true)
})

// Last: it leaves the service's peers to find their way back.
test('without NATS events still come, by polling', async () => {
  const run = await acceptedRun(runtime)
  const stream = readEventStream(await open(run))
  await stream.next()
  await runtime.nats.stop()
  await append(run, ['unheard'])
  expect((await stream.next()).value?.data.message).toBe('unheard')
  await stream.return(undefined)
})
