/** `/api/workspaces` (projects spec 4). */
import { readJsonObject } from '@mogplex/kit/http/json-body.ts'
import { userIdOf } from '@mogplex/kit/http/request-context.ts'
import { Elysia } from 'elysia'
import type { ProjectsKit } from '../environment.ts'
import { readNewWorkspace, readWorkspaceChange } from './fields.ts'
import { presentCountedWorkspace } from './present.ts'
import { listWorkspaces, workspaceOrNotFound } from './store.ts'
import { changeWorkspace, createWorkspace, removeWorkspace } from './workspaces.ts'

export function workspaceRoutes({ context, database, pokeOutbox }: ProjectsKit) {
  return new Elysia({ name: 'workspaces' })
    .use(context)
    .get('/api/workspaces', async ({ context: from }) => {
      const rows = await listWorkspaces(database, userIdOf(from))
      return Response.json(rows.map(row => presentCountedWorkspace(row.workspace, row.repoCount)))
    })
    .post('/api/workspaces', async ({ context: from, request }) => {
      const owner = { userId: userIdOf(from), requestId: from.requestId }
      const fields = readNewWorkspace(await readJsonObject(request))
      const workspace = await createWorkspace(database, owner, fields)
      pokeOutbox()
      return Response.json(presentCountedWorkspace(workspace, 0))
    })
    .get('/api/workspaces/:id', async ({ context: from, params }) => {
      const { workspace, repoCount } = await workspaceOrNotFound(database, userIdOf(from), params.id)
      return Response.json(presentCountedWorkspace(workspace, repoCount))
    })
    .patch('/api/workspaces/:id', async ({ context: from, params, request }) => {
      const owner = { userId: userIdOf(from), requestId: from.requestId }
      const { workspace, repoCount } = await workspaceOrNotFound(database, owner.userId, params.id)
      const fields = readWorkspaceChange(await readJsonObject(request))
      const changed = await changeWorkspace(database, owner, workspace, fields)
      pokeOutbox()
      return Response.json(presentCountedWorkspace(changed, repoCount))
    })
    .delete('/api/workspaces/:id', async ({ context: from, params }) => {
      const owner = { userId: userIdOf(from), requestId: from.requestId }
      const { workspace } = await workspaceOrNotFound(database, owner.userId, params.id)
      await removeWorkspace(database, owner, workspace.id)
      pokeOutbox()
      return Response.json({ ok: true })
    })
}
