/** What runtime asks about provider keys (identity spec 9). */
import { type Answer, answer } from '@mogplex/kit/bus/answer.ts'
import { getProviderKey } from '@mogplex/proto/identity.ts'
import type { IdentityKit } from '../environment.ts'
import { findActiveUser } from '../users/store.ts'
import { findUsableKey } from './provider-keys.ts'

/** `identity.provider-key.get`: null for a user who is unknown or disabled. */
export function providerKeyAnswers(kit: IdentityKit): Answer[] {
  return [
    answer(getProviderKey, async ({ userId, provider }) => {
      const user = await findActiveUser(kit.database, userId)
      return { key: user ? await findUsableKey(kit, user, provider) : null }
    }),
  ]
}
