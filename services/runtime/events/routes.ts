/** `GET /runs/{runId}/events` (v1 contract 7.8): a page as JSON, or the live stream, as `Accept` says. */
import { type requestContext, userIdOf } from '@mogplex/kit/http/request-context.ts'
import { v1Answer } from '@mogplex/kit/http/v1-answer.ts'
import { clampLimit } from '@mogplex/kit/limit.ts'
import { createPace } from '@mogplex/kit/pace.ts'
import { asksForEventStream } from '@mogplex/proto/event-stream.ts'
import type { RunEvent } from '@mogplex/proto/wire/runs.ts'
import { V1_PAGE } from '@mogplex/proto/wire/values.ts'
import { Elysia } from 'elysia'
import type { AiCallEvent } from '../database/schema.ts'
import { presentRun } from '../runs/present.ts'
import { requireRun } from '../runs/store.ts'
import { listEvents, positionAfter, positionOf } from './list-events.ts'
import { presentEvent } from './present.ts'
import { type StreamDeps, streamEvents } from './stream-events.ts'

export interface EventRouteDeps extends StreamDeps {
  context: ReturnType<typeof requestContext>
}

export function eventRoutes(deps: EventRouteDeps) {
  return new Elysia({ name: 'events' })
    .use(deps.context)
    .get('/api/v1/mogplex/runs/:runId/events', async ({ context, params, request, server }) => {
      const view = await requireRun(deps.database, userIdOf(context), params.runId)
      const query = new URL(request.url).searchParams
      const callId = view.run.aiCallId
      if (asksForEventStream(request.headers.get('accept'))) {
        const position = await streamStart(deps, callId, request, query.get('after'))
        server?.timeout(request, 0)
        return streamEvents(deps, { runId: view.run.id, callId, position }, request.signal)
      }
      const limit = clampLimit(query.get('limit'), V1_PAGE)
      const { events, hasMore } = await listEvents(deps.database, callId, {
        after: query.get('after'),
        limit,
      })
      return v1Answer({ run: presentRun(view), events: await presentInTurns(events), hasMore })
    })
}

async function presentInTurns(events: AiCallEvent[]): Promise<RunEvent[]> {
  const pace = createPace()
  const presented: RunEvent[] = []
  for (const event of events) {
    presented.push(presentEvent(event))
    await pace()
  }
  return presented
}

/** `Last-Event-ID` wins: a browser that reconnects sends it with the address it began with. */
async function streamStart(
  deps: EventRouteDeps,
  callId: string,
  request: Request,
  after: string | null,
): Promise<number> {
  const lastEventId = request.headers.get('last-event-id')
  if (lastEventId) return positionOf(deps.database, callId, lastEventId, 'Invalid Last-Event-ID')
  return after === null ? 0 : positionAfter(deps.database, callId, after)
}
