/** What other services ask about models (identity spec 9). */
import { type Answer, answer } from '@mogplex/kit/bus/answer.ts'
import { getModelPrice, usableModels } from '@mogplex/proto/identity.ts'
import type { IdentityKit } from '../environment.ts'
import { findActiveUser } from '../users/store.ts'
import { priceCandidates } from './price.ts'
import { selectModels } from './selection.ts'
import { findPrice } from './store.ts'

/** `identity.models.usable` and `identity.model.price`. */
export function modelAnswers(kit: IdentityKit): Answer[] {
  const { database } = kit
  return [
    answer(usableModels, async ({ userId }) => {
      const user = await findActiveUser(database, userId)
      if (!user) return { models: [], defaultModel: null, chosenModel: null }
      const { models, defaultModel, chosenModel } = await selectModels(kit, user)
      return { models: models.map(model => model.id), defaultModel, chosenModel }
    }),
    answer(getModelPrice, ({ modelId }) => findPrice(database, priceCandidates(modelId))),
  ]
}
