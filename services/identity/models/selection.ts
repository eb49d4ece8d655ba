/** What of the catalogue a user can use, worked out in one place for every surface (identity spec 8). */
import type { Model, User } from '../database/schema.ts'
import type { IdentityKit } from '../environment.ts'
import { reachableProviders } from '../provider-keys/provider-keys.ts'
import { chosenModel, inCatalogueOrder, isEnabled, isReachable, isUsable } from './models.ts'
import { listModels, readChooser } from './store.ts'

export interface Selection {
  /** Every row, hidden and unavailable ones too, in catalogue order. */
  catalogue: { model: Model; isEnabled: boolean }[]
  /** Visible, available, enabled and reachable, in catalogue order. */
  models: Model[]
  /** The chosen one, else the first of `models`. */
  defaultModel: string | null
  /** What the user, else the operator, chose, if it is in `models`. */
  chosenModel: string | null
}

/** Throws when preferences or keys cannot be read: an empty list would look like "you have no models". */
export async function selectModels(
  kit: Pick<IdentityKit, 'database' | 'config'>,
  user: User,
): Promise<Selection> {
  const { database, config } = kit
  const [rows, chooser, keys] = await Promise.all([
    listModels(database),
    readChooser(database, user),
    reachableProviders(kit, user),
  ])
  const ordered = inCatalogueOrder(rows)
  const models = ordered.filter(model => isUsable(model, chooser) && isReachable(model.id, keys))
  const chosen = chosenModel(models, user.defaultModel, config.DEFAULT_MODEL_ID)
  return {
    catalogue: ordered.map(model => ({ model, isEnabled: isEnabled(model, chooser) })),
    models,
    defaultModel: chosen ?? models[0]?.id ?? null,
    chosenModel: chosen,
  }
}
