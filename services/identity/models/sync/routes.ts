/** `/api/cron/sync-models`: the catalogue as the model gateway has it (identity spec 8). */
import { unavailable } from '@mogplex/kit/errors.ts'
import type { RequestContext } from '@mogplex/kit/http/request-context.ts'
import { recordEvent } from '@mogplex/kit/outbox/record.ts'
import { modelsSynced } from '@mogplex/proto/identity.ts'
import { Elysia } from 'elysia'
import { outbox } from '../../database/schema.ts'
import type { IdentityKit } from '../../environment.ts'
import { fetchFeed } from './feed.ts'
import { countRecommended, lockCatalogue, retireOthers, upsertModels } from './store.ts'

export function syncRoutes({ context, database, config, pokeOutbox }: IdentityKit) {
  /** 503 when the feed gives nothing to go by; the catalogue is untouched then. */
  const sync = async ({ context: { requestId } }: { context: RequestContext }) => {
    if (!config.MODEL_CATALOG_URL) throw unavailable('MODEL_CATALOG_URL is not set')
    const now = new Date()
    const { models, total } = await fetchFeed(
      config.MODEL_CATALOG_URL,
      config.MODEL_CATALOG_MAX_AGE_MONTHS,
      now,
    )
    const recommended = await database.transaction(async tx => {
      await lockCatalogue(tx)
      await upsertModels(tx, models, now)
      const ids = models.map(({ id }) => id)
      await retireOthers(tx, ids, now)
      const payload = { synced: models.length }
      await recordEvent(tx, outbox, { event: modelsSynced, userId: null, requestId, payload })
      return countRecommended(tx)
    })
    pokeOutbox()
    return { synced: models.length, total_gateway: total, recommended }
  }
  return new Elysia({ name: 'model-sync' })
    .use(context)
    .get('/api/cron/sync-models', sync)
    .post('/api/cron/sync-models', sync)
}
