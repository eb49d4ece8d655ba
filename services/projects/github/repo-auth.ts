/** With whose token a repository of GitHub is read and written (projects spec 6.3). Ask only for its owner. */
import type { RemoteAuth } from '@mogplex/proto/projects.ts'
import type { Repo } from '../database/schema.ts'
import type { ProjectsKit } from '../environment.ts'
import { findGithubUser } from './user-token.ts'

/** What GitHub calls the user of a token. */
const USERNAME = 'x-access-token'

/**
 * A token of the installation that covers it, for this repository alone, and of nobody else where there is an
 * installation; else the owner's own; else none, which is enough for what is public.
 */
export async function githubAuth(
  kit: Pick<ProjectsKit, 'ask' | 'github'>,
  { userId, githubId, githubInstallationId }: Repo,
): Promise<RemoteAuth> {
  const { app } = kit.github
  if (app && githubInstallationId !== null && githubId !== null) {
    const { token } = await app.tokenForRepo(githubInstallationId, githubId)
    return { kind: 'basic', username: USERNAME, token }
  }
  const user = await findGithubUser(kit, userId)
  return user ? { kind: 'basic', username: USERNAME, token: user.credential.token } : { kind: 'none' }
}
