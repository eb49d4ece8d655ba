/** `/api/repos` (projects spec 2.2). */
import { badRequest } from '@mogplex/kit/errors.ts'
import { readJsonObject } from '@mogplex/kit/http/json-body.ts'
import { type RequestContext, userIdOf } from '@mogplex/kit/http/request-context.ts'
import { Elysia } from 'elysia'
import type { ProjectsKit } from '../environment.ts'
import { changeRepo, removeRepo } from './change-repo.ts'
import { withoutUncovered } from './coverage.ts'
import { type Body, readRepoChange } from './fields.ts'
import { importRepo } from './import-repo.ts'
import { mayReadValues, presentRepo } from './present.ts'
import { openEnvVars } from './secrets.ts'
import { findRepo, listRepos, type RepoInWorkspace, repoNotFound, repoOrNotFound } from './store.ts'

export function repoRoutes(kit: ProjectsKit) {
  const { context, database, github, secrets, pokeOutbox } = kit
  const present = (row: RepoInWorkspace, { caller }: RequestContext) => presentRepo(row, caller, secrets)
  const ownerOf = (from: RequestContext) => ({ userId: userIdOf(from), requestId: from.requestId })

  const change = async (found: RepoInWorkspace, body: Body, from: RequestContext) => {
    const wanted = readRepoChange(body)
    // What could not be shown afterwards must fail before anything is written.
    if (mayReadValues(from.caller) && wanted.sandboxEnvVars === undefined) openEnvVars(secrets, found.repo)
    const changed = await changeRepo(kit, ownerOf(from), found, wanted)
    pokeOutbox()
    return Response.json(present(changed, from))
  }
  const remove = async (id: string, from: RequestContext) => {
    await removeRepo(kit, ownerOf(from), await repoOrNotFound(database, userIdOf(from), id))
    pokeOutbox()
    return Response.json({ ok: true })
  }

  return new Elysia({ name: 'repos' })
    .use(context)
    .get('/api/repos', async ({ context: from, request }) => {
      const query = new URL(request.url).searchParams
      const id = query.get('id')?.trim()
      if (id) {
        const found = await findRepo(database, userIdOf(from), id)
        return Response.json(found ? [present(found, from)] : [])
      }
      const withHidden = query.get('show_hidden') === 'true'
      const rows = await listRepos(database, userIdOf(from), { withHidden })
      const visible = withHidden ? rows : withoutUncovered(rows, github.app !== null)
      return Response.json(visible.map(row => present(row, from)))
    })
    .post('/api/repos', async ({ context: from, request }) => {
      const row = await importRepo(kit, ownerOf(from), await readJsonObject(request))
      pokeOutbox()
      return Response.json(present(row, from))
    })
    .patch('/api/repos', async ({ context: from, request }) => {
      const body = await readJsonObject(request)
      const { id } = body
      if (isBlank(id)) throw idRequired()
      if (typeof id !== 'string') throw repoNotFound()
      return change(await repoOrNotFound(database, userIdOf(from), id.trim()), body, from)
    })
    .delete('/api/repos', async ({ context: from, request }) => {
      const id = new URL(request.url).searchParams.get('id')
      if (isBlank(id)) throw idRequired()
      return remove(id?.trim() ?? '', from)
    })
    .get('/api/repos/:id', async ({ context: from, params }) =>
      Response.json(present(await repoOrNotFound(database, userIdOf(from), params.id), from)),
    )
    .patch('/api/repos/:id', async ({ context: from, params, request }) => {
      const found = await repoOrNotFound(database, userIdOf(from), params.id)
      return change(found, await readJsonObject(request), from)
    })
    .delete('/api/repos/:id', ({ context: from, params }) => remove(params.id, from))
}

function isBlank(id: unknown): boolean {
  return id === undefined || id === null || (typeof id === 'string' && id.trim() === '')
}

function idRequired() {
  return badRequest('id: is required', { field: 'id' })
}
