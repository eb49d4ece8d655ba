/** The settings people see and change (identity spec 5). */
import type { Database } from '@mogplex/kit/database/connect.ts'
import { badRequest, notFound } from '@mogplex/kit/errors.ts'
import { recordEvent } from '@mogplex/kit/outbox/record.ts'
import { settingsChanged } from '@mogplex/proto/identity.ts'
import { outbox, type User } from '../database/schema.ts'
import { chosenModel, inCatalogueOrder, isUsable } from '../models/models.ts'
import { listModels, readChooser } from '../models/store.ts'
import { findActiveUser } from '../users/store.ts'
import { type CommitIdentity, commitIdentityOf } from './commit-identity.ts'
import { updateSettings } from './store.ts'

export type Theme = User['theme']

/** What a caller wants changed; an absent field stays as it is. */
export interface SettingsChange {
  theme?: Theme
  /** Null: back to the automatic choice. */
  defaultModel?: string | null
  /** Null: back to that of the account. */
  commitName?: string | null
  commitEmail?: string | null
}

/** What the settings are called on the wire, in events too. */
const WIRE_NAMES: Record<keyof SettingsChange, string> = {
  theme: 'theme',
  defaultModel: 'default_model',
  commitName: 'commit_name',
  commitEmail: 'commit_email',
}

export interface EffectiveSettings {
  defaultModel: string | null
  theme: Theme
  commitIdentity: CommitIdentity
}

/** The settings as they work now, whether the user made them or not. 404 when the user is gone. */
export async function readSettings(
  database: Database,
  userId: string,
  operatorDefault: string | undefined,
): Promise<EffectiveSettings> {
  const user = await findActiveUser(database, userId)
  if (!user) throw notFound()
  const [models, chooser] = await Promise.all([listModels(database), readChooser(database, user)])
  const usable = inCatalogueOrder(models.filter(model => isUsable(model, chooser)))
  const chosen = chosenModel(usable, user.defaultModel, operatorDefault)
  const defaultModel = chosen ?? usable[0]?.id ?? null
  return { defaultModel, theme: user.theme, commitIdentity: commitIdentityOf(user) }
}

/** Saves all of `change` or, with 400 for a model the user cannot use, nothing. */
export async function changeSettings(
  database: Database,
  { userId, requestId }: { userId: string; requestId: string },
  change: SettingsChange,
): Promise<void> {
  await database.transaction(async tx => {
    const user = await findActiveUser(tx, userId)
    if (!user) throw notFound()
    if (typeof change.defaultModel === 'string') {
      const [models, chooser] = [await listModels(tx), await readChooser(tx, user)]
      const model = models.find(({ id }) => id === change.defaultModel)
      if (!model || !isUsable(model, chooser)) {
        throw badRequest('default_model: is not a model you can use', { field: 'default_model' })
      }
    }
    if (!(await updateSettings(tx, userId, change))) throw notFound()
    const names = Object.entries(WIRE_NAMES) as [keyof SettingsChange, string][]
    const fields = names.filter(([field]) => change[field] !== undefined).map(([, name]) => name)
    await recordEvent(tx, outbox, { event: settingsChanged, userId, requestId, payload: { fields } })
  })
}
