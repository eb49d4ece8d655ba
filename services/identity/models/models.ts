/** What enabled, visible, usable and reachable mean (identity spec 5, 8). Plain rules over plain rows. */
import type { ModelProvider } from '@mogplex/proto/identity.ts'
import type { Static } from '@sinclair/typebox'
import type { Model } from '../database/schema.ts'

export type Provider = Static<typeof ModelProvider>

/** What of a user decides about models. */
export interface ModelChooser {
  defaultModel: string | null
  autoEnableNewModels: boolean
  modelsSeenAt: Date
  /** Explicit choices: model id to on or off. */
  preferences: ReadonlyMap<string, boolean>
}

/** An explicit choice wins; a new model is off for who wants new models off; else availability decides. */
export function isEnabled(model: Model, chooser: ModelChooser): boolean {
  const chosen = chooser.preferences.get(model.id)
  if (chosen !== undefined) return chosen
  const isNew = model.createdAt !== null && model.createdAt > chooser.modelsSeenAt
  return isNew && !chooser.autoEnableNewModels ? false : model.isAvailable
}

/** Good as a default model; whether its provider can be reached is not asked here. */
export function isUsable(model: Model, chooser: ModelChooser): boolean {
  return !model.isHidden && model.isAvailable && isEnabled(model, chooser)
}

/** True when one of the keys in `keys` serves the model. */
export function isReachable(modelId: string, keys: ReadonlySet<Provider>): boolean {
  const [provider] = modelId.split('/', 1)
  if (provider === 'openrouter') return keys.has('openrouter')
  if (keys.has('ai_gateway')) return true
  return (provider === 'openai' || provider === 'anthropic') && keys.has(provider)
}

/** Catalogue order: provider, name, id, by code units, the same on every database. */
export function inCatalogueOrder(models: readonly Model[]): Model[] {
  return models.toSorted(
    (a, b) => byCodeUnits(a.provider, b.provider) || byCodeUnits(a.name, b.name) || byCodeUnits(a.id, b.id),
  )
}

function byCodeUnits(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

/** What somebody chose: the stored choice, else the operator's default, if in `models`; else null. */
export function chosenModel(
  models: readonly Model[],
  stored: string | null,
  operatorDefault: string | undefined,
): string | null {
  const ids = new Set(models.map(model => model.id))
  return [stored, operatorDefault].find(id => id && ids.has(id)) ?? null
}
