/** A sync that somebody waits for (projects spec 5.5). */
import { ApiError } from '@mogplex/kit/errors.ts'
import type { Owner, ProjectsKit } from '../../environment.ts'
import { GithubError } from '../client/github-error.ts'
import { listActiveInstallations } from '../installations/store.ts'
import { findGithubUser } from '../user-token.ts'
import { syncInstallation, syncOwnRepos } from './sync.ts'

/**
 * Syncs each active installation of the App, or else lists with the user's own token. False when there is
 * neither. Throws 429 or 503 `GITHUB_SYNC_ERROR` when some of it failed; what succeeded is kept.
 */
export async function syncNow(
  kit: Pick<ProjectsKit, 'ask' | 'database' | 'github' | 'log' | 'pokeOutbox'>,
  owner: Owner,
): Promise<boolean> {
  const { app } = kit.github
  const installations = await listActiveInstallations(kit.database, owner.userId)
  if (app && installations.length > 0) {
    const failures: unknown[] = []
    for (const { installationId } of installations) {
      await syncInstallation(kit, app, owner, installationId).catch(error => failures.push(error))
    }
    if (failures.length > 0) throw failed(failures)
    return true
  }
  const user = await findGithubUser(kit, owner.userId)
  if (!user) return installations.length > 0
  await syncOwnRepos(kit, owner, user).catch(error => {
    throw failed([error])
  })
  return true
}

function failed(failures: unknown[]): unknown {
  const strange = failures.find(failure => !(failure instanceof GithubError))
  if (strange) return strange
  const limited = failures.find(
    failure => failure instanceof GithubError && failure.refusal === 'RATE_LIMITED',
  )
  const message = 'Not everything could be read from GitHub; what could be is here'
  return limited ?? new ApiError('GITHUB_SYNC_ERROR', message, { cause: failures[0] })
}
