/** `GET /sandboxes` and `GET /sandboxes/{sandboxId}/logs` (v1 contract 7.5). */
import type { Database } from '@mogplex/kit/database/connect.ts'
import { notFound } from '@mogplex/kit/errors.ts'
import { type requestContext, userIdOf } from '@mogplex/kit/http/request-context.ts'
import { v1Answer } from '@mogplex/kit/http/v1-answer.ts'
import { clampLimit } from '@mogplex/kit/limit.ts'
import { V1_PAGE } from '@mogplex/proto/wire/values.ts'
import { Elysia } from 'elysia'
import { presentLifecycleEvent, presentSandbox, presentSandboxWithLogs } from './present.ts'
import { findSandbox, listSandboxes, readLifecycleEvents } from './store.ts'

export interface SandboxRouteDeps {
  database: Database
  context: ReturnType<typeof requestContext>
}

export function sandboxRoutes({ database, context: plugin }: SandboxRouteDeps) {
  return new Elysia({ name: 'sandboxes' })
    .use(plugin)
    .get('/api/v1/mogplex/sandboxes', async ({ context, request }) => {
      const query = new URL(request.url).searchParams
      const rows = await listSandboxes(database, userIdOf(context), {
        repoId: query.get('repo_id'),
        status: query.get('status'),
        limit: clampLimit(query.get('limit'), V1_PAGE),
      })
      return v1Answer({ sandboxes: rows.map(presentSandbox) })
    })
    .get('/api/v1/mogplex/sandboxes/:sandboxId/logs', async ({ context, params }) => {
      const sandbox = await findSandbox(database, userIdOf(context), params.sandboxId)
      if (!sandbox) throw notFound('Sandbox not found')
      const events = await readLifecycleEvents(database, sandbox.id)
      return v1Answer({
        sandbox: presentSandboxWithLogs(sandbox),
        lifecycle_events: events.map(presentLifecycleEvent),
      })
    })
}
