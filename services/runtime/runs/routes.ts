/** Starting, reading and cancelling runs (v1 contract 7.8). */

import { parseJsonObject, refuseNul } from '@mogplex/kit/http/json-body.ts'
import { type requestContext, userIdOf } from '@mogplex/kit/http/request-context.ts'
import { v1Answer } from '@mogplex/kit/http/v1-answer.ts'
import type { Log } from '@mogplex/kit/log.ts'
import { Elysia } from 'elysia'
import { type CancelRunDeps, cancelRun } from './cancel-run.ts'
import { readIdempotencyKey, readStartRunFields } from './fields.ts'
import { presentRun } from './present.ts'
import { type StartRunDeps, startRun } from './start-run.ts'
import { requireRun } from './store.ts'

export interface RunRouteDeps extends StartRunDeps, CancelRunDeps {
  context: ReturnType<typeof requestContext>
  log: Log
  settings: { isEchoEnabled: boolean }
}

export function runRoutes(deps: RunRouteDeps) {
  return new Elysia({ name: 'runs' })
    .use(deps.context)
    .post('/api/v1/mogplex/runs', async ({ context, request }) => {
      const userId = userIdOf(context)
      const key = readIdempotencyKey(request.headers)
      const body = await parseJsonObject(request)
      const fields = readStartRunFields(body, deps.settings)
      refuseNul(body)
      const { requestId } = context
      const tokenId = context.caller.pat ?? null
      const { view, replayed } = await startRun(deps, { userId, tokenId, requestId, key, fields })
      deps.log.info({ event: 'run.start', requestId, runId: view.run.id, replayed })
      return v1Answer({ ...presentRun(view), replayed }, 202)
    })
    .get('/api/v1/mogplex/runs/:runId', async ({ context, params }) => {
      const view = await requireRun(deps.database, userIdOf(context), params.runId)
      return v1Answer({ run: presentRun(view) })
    })
    .post('/api/v1/mogplex/runs/:runId/cancel', async ({ context, params }) => {
      const { view, alreadyTerminal } = await cancelRun(deps, userIdOf(context), params.runId)
      deps.log.info({
        event: 'run.cancel',
        requestId: context.requestId,
        runId: view.run.id,
        alreadyTerminal,
      })
      const outcome = alreadyTerminal ? 'already_terminal' : 'cancellation_requested'
      return v1Answer({ run: presentRun(view), status: view.run.status, alreadyTerminal, outcome })
    })
}
