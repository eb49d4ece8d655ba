/** What other services ask about users (identity spec 9). */
import { type Answer, answer } from '@mogplex/kit/bus/answer.ts'
import { getUser } from '@mogplex/proto/identity.ts'
import type { IdentityKit } from '../environment.ts'
import { commitIdentityOf } from '../settings/commit-identity.ts'
import { platformAccess } from './platform-access.ts'
import { findUser } from './store.ts'

/** `identity.user.get`: null for an unknown user; a disabled one is told as such. */
export function userAnswers({ database, config }: IdentityKit): Answer[] {
  return [
    answer(getUser, async ({ userId }) => {
      const user = await findUser(database, userId)
      if (!user) return { user: null }
      const { id, email, name, githubUsername } = user
      const disabled = user.disabledAt !== null
      const hostAccess = !disabled && user.hostAccessGrantedAt !== null
      return {
        user: {
          ...{ id, email, name, githubUsername, disabled, hostAccess },
          commitIdentity: commitIdentityOf(user),
          platformAccess: platformAccess(user, config),
        },
      }
    }),
  ]
}
