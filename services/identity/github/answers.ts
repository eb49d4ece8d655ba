/** What other services ask about GitHub (identity spec 9). */
import { type Answer, answer } from '@mogplex/kit/bus/answer.ts'
import { getGithubToken } from '@mogplex/proto/identity.ts'
import type { IdentityKit } from '../environment.ts'
import { findActiveUser } from '../users/store.ts'
import { readToken } from './tokens.ts'

/** `identity.github-token.get`: null for a user who has none, is unknown or disabled. */
export function githubAnswers({ database, secrets }: IdentityKit): Answer[] {
  return [
    answer(getGithubToken, async ({ userId }) => {
      const user = await findActiveUser(database, userId)
      const token = user && (await readToken(database, secrets, user.id))
      if (!user || !token || user.githubUsername === null || user.githubUserId === null)
        return { github: null }
      return { github: { token, login: user.githubUsername, githubUserId: user.githubUserId } }
    }),
  ]
}
