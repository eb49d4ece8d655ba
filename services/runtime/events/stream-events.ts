/**
 * The live stream of a run's events (spec README, 26; issue 2, "Runtime"). It reads the table by position,
 * so nothing is lost or repeated whatever happens to wakes; a wake only makes it look sooner. One batch is
 * read for each pull of the connection: a slow client holds back the reading, not the memory.
 */
import type { Live } from '@mogplex/kit/bus/live.ts'
import type { Database } from '@mogplex/kit/database/connect.ts'
import type { Log } from '@mogplex/kit/log.ts'
import { createPace } from '@mogplex/kit/pace.ts'
import { liveRunSubject } from '@mogplex/proto/runtime.ts'
import type { AiCallEvent } from '../database/schema.ts'
import { isTerminal } from '../runs/status.ts'
import { presentEvent } from './present.ts'
import { type EventPage, readEventsAfter } from './store.ts'
import { openWaker } from './waker.ts'

const BATCH = 100
/** About as much is sent at once; a client that reads slowly holds back what follows. */
const CHUNK_LENGTH = 64 * 1024
/** How often the table is read without a wake, and a silent stream says that it lives. */
const TIMING = { pollMs: 1_000, keepAliveMs: 15_000 }

export interface StreamDeps {
  database: Database
  live: Live
  log: Log
  /** Streams end when it is aborted; clients come back to another process. */
  stopping: AbortSignal
}

export interface StreamStart {
  runId: string
  callId: string
  /** The stream begins behind this position. */
  position: number
}

/** A `text/event-stream` answer that ends after the call's last event, or when the client goes. */
export function streamEvents(
  deps: StreamDeps,
  start: StreamStart,
  client: AbortSignal,
  timing = TIMING,
): Response {
  const ended = new AbortController()
  const chunks = follow(deps, start, ended.signal, timing)
  const end = () => {
    client.removeEventListener('abort', end)
    deps.stopping.removeEventListener('abort', end)
    ended.abort()
  }
  client.addEventListener('abort', end)
  deps.stopping.addEventListener('abort', end)
  if (client.aborted || deps.stopping.aborted) end()
  const encoder = new TextEncoder()
  const body = new ReadableStream<Uint8Array>(
    {
      pull: async controller => {
        const next = await chunks.next()
        if (!next.done) return controller.enqueue(encoder.encode(next.value))
        end()
        controller.close()
      },
      cancel: end,
    },
    { highWaterMark: 0 },
  )
  return new Response(body, {
    headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' },
  })
}

/** The text of the stream, in pieces, until it is complete or `ended` is aborted. */
async function* follow(
  deps: StreamDeps,
  start: StreamStart,
  ended: AbortSignal,
  timing: typeof TIMING,
): AsyncGenerator<string, void> {
  const waker = openWaker(deps.live, liveRunSubject(start.runId))
  // Also ends the listening of a stream whose client stopped reading, which nobody pulls on any more.
  ended.addEventListener('abort', waker.close)
  let { position } = start
  try {
    // Sends the headers now; a stream that begins at the end may have nothing to say for long.
    yield ': connected\n\n'
    let saidAtMs = performance.now()
    while (!ended.aborted) {
      const page = await readPage(deps, start, position)
      for await (const chunk of formatInChunks(page?.events ?? [])) {
        yield chunk
        saidAtMs = performance.now()
        if (ended.aborted) return
      }
      position = page?.events.at(-1)?.position ?? position
      if (page && isComplete(page, position)) return
      if (page && page.events.length > 0 && page.call && page.call.eventCount > position) continue
      if (performance.now() - saidAtMs >= timing.keepAliveMs) {
        yield ': keep-alive\n\n'
        saidAtMs = performance.now()
      }
      if (!ended.aborted) await waker.wait(timing.pollMs)
    }
  } finally {
    ended.removeEventListener('abort', waker.close)
    waker.close()
  }
}

/** Null while the database does not answer: the stream outlives its restart. */
async function readPage(deps: StreamDeps, start: StreamStart, position: number): Promise<EventPage | null> {
  try {
    return await readEventsAfter(deps.database, start.callId, position, BATCH)
  } catch (err) {
    deps.log.warn({ event: 'stream.cannot-read', runId: start.runId, err })
    return null
  }
}

/**
 * Nothing more will come: the call has ended and everything it has was sent (or it does not exist). What is counted
 * but not there is not kept any more.
 */
function isComplete({ call, events }: EventPage, position: number): boolean {
  return !call || (isTerminal(call.status) && (call.eventCount <= position || events.length === 0))
}

async function* formatInChunks(events: AiCallEvent[]): AsyncGenerator<string> {
  const pace = createPace()
  let chunk = ''
  for (const event of events) {
    chunk += formatEvent(event)
    await pace()
    if (chunk.length < CHUNK_LENGTH) continue
    yield chunk
    chunk = ''
  }
  if (chunk) yield chunk
}

/** Without an `event:` line, so that a plain `onmessage` of a browser gets every type. */
function formatEvent(event: AiCallEvent): string {
  return `id: ${event.id}\ndata: ${JSON.stringify(presentEvent(event))}\n\n`
}
