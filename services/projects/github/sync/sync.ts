/** The two syncs (projects spec 6.1): GitHub is asked first, and what it said is written in one transaction. */
import { ApiError } from '@mogplex/kit/errors.ts'
import { recordEvent } from '@mogplex/kit/outbox/record.ts'
import { installationSynced } from '@mogplex/proto/projects.ts'
import { type GithubInstallation, outbox } from '../../database/schema.ts'
import type { Owner, ProjectsKit } from '../../environment.ts'
import type { GithubRepo } from '../api.ts'
import type { Listing } from '../client/pages.ts'
import type { GithubApp } from '../github.ts'
import { tellUncovered } from '../installations/lose.ts'
import {
  advanceSync,
  findInstallation,
  listActiveInstallations,
  lockGithubOf,
} from '../installations/store.ts'
import type { GithubUser } from '../user-token.ts'
import { rebindTo } from './changes.ts'
import { keepListed } from './keep-listed.ts'
import { uncoverRepos } from './store.ts'

type SyncKit = Pick<ProjectsKit, 'database' | 'github' | 'pokeOutbox'>

/** Lists with the user's own token; coverage is left alone. Throws `GithubError`. */
export async function syncOwnRepos(
  { database, github, pokeOutbox }: SyncKit,
  owner: Owner,
  { credential }: GithubUser,
): Promise<void> {
  const { items } = await github.api.reposOf(credential)
  await database.transaction(async tx => {
    await lockGithubOf(tx, owner.userId)
    await keepListed(tx, owner, items, null)
  })
  pokeOutbox()
}

/** How often a list is read again because another was written meanwhile. */
const ATTEMPTS = 3

/**
 * Makes the installation cover what it lists, and nothing else if the list is complete. A list is written only
 * if none was since before it was read, so that the older never wins. False, and nothing happens, for an
 * installation that is not the user's, or suspended. Throws `GithubError`, and 503 when others were always first.
 */
export async function syncInstallation(
  { database, pokeOutbox }: Pick<SyncKit, 'database' | 'pokeOutbox'>,
  app: GithubApp,
  owner: Owner,
  installationId: number,
): Promise<boolean> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const read = await findInstallation(database, owner.userId, installationId)
    if (!read || read.suspendedAt) return false
    const listing = await app.reposOf(installationId)
    if (!(await writeListing({ database }, owner, read, listing))) continue
    pokeOutbox()
    return true
  }
  throw new ApiError('GITHUB_SYNC_ERROR', 'Other syncs came first again and again; try again')
}

/** False when the installation has changed since `read`. */
function writeListing(
  { database }: Pick<SyncKit, 'database'>,
  owner: Owner,
  read: GithubInstallation,
  { items, isComplete }: Listing<GithubRepo>,
): Promise<boolean> {
  const { installationId } = read
  return database.transaction(async tx => {
    await lockGithubOf(tx, owner.userId)
    if (!(await advanceSync(tx, read))) return false
    await keepListed(tx, owner, items, installationId)
    if (isComplete) {
      const kept = items.map(({ id }) => id)
      await tellUncovered(tx, owner.userId, await uncoverRepos(tx, owner.userId, installationId, kept))
    }
    const active = await listActiveInstallations(tx, owner.userId)
    const rebind = rebindTo(
      installationId,
      active.map(row => row.installationId),
    )
    await recordEvent(tx, outbox, {
      event: installationSynced,
      ...owner,
      payload: { installationId, rebind },
    })
    return true
  })
}
