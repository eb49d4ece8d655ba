/** Tying a GitHub account to somebody who is signed in already (identity spec 3). */
import { brokenUniqueConstraint } from '@mogplex/kit/database/connect.ts'
import type { Requester } from '../audit/entry.ts'
import type { IdentityKit } from '../environment.ts'
import { lockActiveUser } from '../users/store.ts'
import { GithubFault } from './fault.ts'
import type { GithubProfile, GithubToken } from './oauth-client.ts'
import { recordConnection, storing } from './sign-in.ts'
import { linkProfile } from './store.ts'
import { storeToken } from './tokens.ts'

/** Throws {@link GithubFault}, `github_account_in_use` for an account that is tied to somebody else. */
export async function connectGithub(
  { database, secrets }: Pick<IdentityKit, 'database' | 'secrets'>,
  { userId, origin, requestId }: Requester,
  { profile, token }: { profile: GithubProfile; token: GithubToken },
  now: Date,
): Promise<void> {
  await database.transaction(async tx => {
    const user = await lockActiveUser(tx, userId)
    if (!user) throw new GithubFault('access_denied')
    await linkProfile(tx, user, profile, now).catch(cause => {
      const isTaken = brokenUniqueConstraint(cause) === 'users_github_user_id_unique'
      throw new GithubFault(isTaken ? 'github_account_in_use' : 'github_token_store', cause)
    })
    await storing(() => storeToken(tx, secrets, userId, token, now))
    await recordConnection(tx, { userId, profile, origin, requestId }, now)
  })
}
