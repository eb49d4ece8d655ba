/** Switching models on and off for oneself; the catalogue itself changes only by sync (identity spec 8). */
import type { Database } from '@mogplex/kit/database/connect.ts'
import { ApiError, badRequest, notFound } from '@mogplex/kit/errors.ts'
import { recordEvent } from '@mogplex/kit/outbox/record.ts'
import { modelPreferenceChanged } from '@mogplex/proto/identity.ts'
import { outbox } from '../database/schema.ts'
import { lockActiveUser } from '../users/store.ts'
import { hasModel, upsertPreference } from './store.ts'

export interface Preference {
  modelId: string
  isEnabled: boolean
}

const CATALOGUE_FIELDS = new Set([
  'provider',
  'name',
  'context_length',
  'capabilities',
  'is_available',
  'is_hidden',
  'pricing_input',
  'pricing_output',
  'is_recommended',
])

/** Throws 400 naming the field: first for what is missing, then for what nobody may change here. */
export function readPreference(body: Record<string, unknown>): Preference {
  const { model_id: modelId, is_enabled: isEnabled } = body
  if (typeof modelId !== 'string' || modelId === '') {
    throw badRequest('model_id: must be a string that is not empty', { field: 'model_id' })
  }
  if (typeof isEnabled !== 'boolean') {
    throw badRequest('is_enabled: must be true or false', { field: 'is_enabled' })
  }
  const field = Object.keys(body).find(key => CATALOGUE_FIELDS.has(key) || key.startsWith('recommendation_'))
  if (field) throw badRequest(`${field}: belongs to the catalogue and cannot be changed here`, { field })
  return { modelId, isEnabled }
}

/** 404 for a model the catalogue does not have. Hidden and unavailable ones may be chosen too. */
export async function setPreference(
  database: Database,
  { userId, requestId }: { userId: string; requestId: string },
  preference: Preference,
): Promise<void> {
  await database.transaction(async tx => {
    // Before the model: an ended account learns nothing of the catalogue.
    if (!(await lockActiveUser(tx, userId))) throw new ApiError('UNAUTHORIZED', 'Unauthorized')
    if (!(await hasModel(tx, preference.modelId))) throw notFound()
    await upsertPreference(tx, userId, preference)
    const payload = { changes: [preference], autoEnable: null }
    await recordEvent(tx, outbox, { event: modelPreferenceChanged, userId, requestId, payload })
  })
}
