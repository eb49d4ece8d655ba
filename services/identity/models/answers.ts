/** What other services ask about models (identity spec 9). */
import { type Answer, answer } from '@mogplex/kit/bus/answer.ts'
import { getModelPrice, usableModels } from '@mogplex/proto/identity.ts'
import type { IdentityKit } from '../environment.ts'
import { reachableProviders } from '../provider-keys/provider-keys.ts'
import { findActiveUser } from '../users/store.ts'
import { chosenModel, inCatalogueOrder, isReachable, isUsable } from './models.ts'
import { priceCandidates } from './price.ts'
import { findPrice, listModels, readChooser } from './store.ts'

/** `identity.models.usable` and `identity.model.price`. */
export function modelAnswers(kit: IdentityKit): Answer[] {
  const { database, config } = kit
  return [
    answer(usableModels, async ({ userId }) => {
      const user = await findActiveUser(database, userId)
      if (!user) return { models: [], defaultModel: null, chosenModel: null }
      const [all, chooser, keys] = await Promise.all([
        listModels(database),
        readChooser(database, user),
        reachableProviders(kit, user),
      ])
      const models = inCatalogueOrder(
        all.filter(model => isUsable(model, chooser) && isReachable(model.id, keys)),
      )
      const chosen = chosenModel(models, user.defaultModel, config.DEFAULT_MODEL_ID)
      const ids = models.map(model => model.id)
      return { models: ids, defaultModel: chosen ?? ids[0] ?? null, chosenModel: chosen }
    }),
    answer(getModelPrice, ({ modelId }) => findPrice(database, priceCandidates(modelId))),
  ]
}
