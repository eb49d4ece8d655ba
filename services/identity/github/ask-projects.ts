/** What projects does for somebody who comes back from GitHub (identity spec 3; projects spec 5.3, 6.1). */
import { claimInstallation, syncGithubRepos } from '@mogplex/proto/projects.ts'
import type { Requester } from '../audit/entry.ts'
import type { IdentityKit } from '../environment.ts'
import { GithubFault } from './fault.ts'
import { recordInstalled } from './install-state.ts'
import { waitAtMost } from './wait-at-most.ts'

type Kit = Pick<IdentityKit, 'ask' | 'database' | 'log'>

/**
 * Ties the installation to the user, if the user's account or organisation is the one it is on; false when it
 * is tied, but its repositories are not read yet. Throws {@link GithubFault}. What fails for want of an answer
 * is not lost: the install stays pending, and `GET /api/auth/user` looks for it.
 */
export async function claimForUser(
  kit: Kit,
  { userId, requestId }: Requester,
  installationId: number,
  limitMs: number,
): Promise<boolean> {
  const claim = async () => {
    const reply = await kit.ask(claimInstallation, { userId, installationId }, { userId, requestId })
    if (reply.status === 'bound') await recordInstalled(kit.database, userId)
    return reply
  }
  const reply = await waitAtMost(claim(), limitMs).catch(cause => {
    throw new GithubFault('github_installation_persist', cause)
  })
  switch (reply?.status) {
    case 'bound':
      return reply.isSynced
    case 'forbidden':
      throw new GithubFault('github_installation_forbidden')
    case 'unreachable':
      throw new GithubFault('github_installation_fetch')
    case undefined:
      throw new GithubFault('github_installation_persist', new Error('projects takes too long'))
  }
}

/** Whether the repositories that the user's own token lists are here now. Never throws for projects' sake. */
export async function syncForUser(
  { ask, log }: Kit,
  { userId, requestId }: Requester,
  limitMs: number,
): Promise<boolean> {
  try {
    const sync = ask(syncGithubRepos, { userId }, { userId, requestId })
    return (await waitAtMost(sync, limitMs))?.isSynced ?? false
  } catch (err) {
    log.warn({ event: 'github.sync-unknown', userId, err })
    return false
  }
}
