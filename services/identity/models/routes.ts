/** `/api/models`, `/api/models/new-arrivals` and the versioned list (identity spec 8; v1 contract 7.4). */
import { ApiError, badRequest } from '@mogplex/kit/errors.ts'
import { readJsonObject } from '@mogplex/kit/http/json-body.ts'
import { type RequestContext, userIdOf } from '@mogplex/kit/http/request-context.ts'
import { v1Answer } from '@mogplex/kit/http/v1-answer.ts'
import { Elysia } from 'elysia'
import type { Model } from '../database/schema.ts'
import type { IdentityKit } from '../environment.ts'
import { findActiveUser } from '../users/store.ts'
import { arrivalsFor, changeAutoEnable, disableArrivals, dismissArrivals } from './arrivals.ts'
import { inCatalogueOrder } from './models.ts'
import { readPreference, setPreference } from './preferences.ts'
import { presentCliModel, presentModel, presentV1Model } from './present.ts'
import { selectModels } from './selection.ts'
import { listModels } from './store.ts'

export function modelRoutes(kit: IdentityKit) {
  const { context, database, pokeOutbox } = kit
  /** Null for nobody, and for a user who is gone or disabled: they see what nobody sees. */
  const userOf = ({ caller }: RequestContext) =>
    caller.sub ? findActiveUser(database, caller.sub) : Promise.resolve(null)
  const ownerOf = (from: RequestContext) => ({ userId: userIdOf(from), requestId: from.requestId })

  return new Elysia({ name: 'models' })
    .use(context)
    .get('/api/models', async ({ context: from, request }) => {
      const isForCli = new URL(request.url).searchParams.get('format') === 'cli'
      const user = await userOf(from)
      if (!user) return answerNobody(await publicModels(kit), isForCli)
      const { catalogue, models, defaultModel } = await selectModels(kit, user)
      if (isForCli) return Response.json(models.map(presentCliModel))
      return Response.json({
        catalog: catalogue.map(({ model, isEnabled }) => presentModel(model, isEnabled)),
        models: models.map(model => presentModel(model, true)),
        default_model: defaultModel,
      })
    })
    .patch('/api/models', async ({ context: from, request }) => {
      const owner = ownerOf(from)
      await setPreference(database, owner, readPreference(await readJsonObject(request)))
      pokeOutbox()
      return { ok: true }
    })
    .get('/api/models/new-arrivals', async ({ context: from }) => {
      const user = await userOf(from)
      if (!user) return { models: [], autoEnable: true }
      const models = await arrivalsFor(kit, user)
      return {
        models: models.map(({ id, name, provider }) => ({ id, name, provider })),
        autoEnable: user.autoEnableNewModels,
      }
    })
    .post('/api/models/new-arrivals', async ({ context: from, request }) => {
      const owner = ownerOf(from)
      const { action } = await readJsonObject(request)
      if (action === 'dismiss') await dismissArrivals(database, owner)
      else if (action === 'disable') await disableArrivals(database, owner)
      else throw badRequest('action: must be dismiss or disable', { field: 'action' })
      pokeOutbox()
      return { ok: true }
    })
    .patch('/api/models/new-arrivals', async ({ context: from, request }) => {
      const owner = ownerOf(from)
      const { autoEnable } = await readJsonObject(request)
      if (typeof autoEnable !== 'boolean') {
        throw badRequest('autoEnable: must be true or false', { field: 'autoEnable' })
      }
      await changeAutoEnable(database, owner, autoEnable)
      pokeOutbox()
      return { ok: true }
    })
    .get('/api/v1/mogplex/models', async ({ context: from }) => {
      const user = await findActiveUser(database, userIdOf(from))
      if (!user) throw new ApiError('UNAUTHORIZED', 'Unauthorized')
      const { models } = await selectModels(kit, user)
      return v1Answer({ models: models.map(presentV1Model) })
    })
}

async function publicModels({ database }: Pick<IdentityKit, 'database'>): Promise<Model[]> {
  const rows = await listModels(database)
  return inCatalogueOrder(rows.filter(model => model.isAvailable && !model.isHidden))
}

function answerNobody(models: Model[], isForCli: boolean): Response {
  if (isForCli) return Response.json(models.map(presentCliModel))
  const shown = models.map(model => presentModel(model))
  return Response.json({ catalog: shown, models: shown })
}
