/** Ties an installation to a user who has proven that it is theirs (projects spec 5.3). */
import { recordEvent } from '@mogplex/kit/outbox/record.ts'
import { installationBound, installationSuspended } from '@mogplex/proto/projects.ts'
import { outbox } from '../../database/schema.ts'
import type { Owner, ProjectsKit } from '../../environment.ts'
import type { GithubApi, Installation } from '../api.ts'
import { GithubError } from '../client/github-error.ts'
import { uncoverRepos } from '../sync/store.ts'
import type { GithubUser } from '../user-token.ts'
import { tellUncovered } from './lose.ts'
import { findInstallation, lockGithubOf, upsertInstallation } from './store.ts'

type AdminApi = Pick<GithubApi, 'isAdminOf'>

/**
 * Whether the account the App is installed on is the user's own, or an organisation they run. Throws
 * `GithubError` when GitHub does not say, or may not tell the user.
 */
export async function isTheirs(api: AdminApi, { account }: Installation, user: GithubUser): Promise<boolean> {
  if (account.id === user.githubUserId) return true
  return account.type !== 'User' && api.isAdminOf(account, user.credential)
}

/** The same for what is to be bound: what GitHub may not tell the user is no proof. */
export async function isProven(
  api: AdminApi,
  installation: Installation,
  user: GithubUser,
): Promise<boolean> {
  return isTheirs(api, installation, user).catch(error => {
    if (error instanceof GithubError && error.refusal === 'GITHUB_FORBIDDEN') return false
    throw error
  })
}

type StoreKit = Pick<ProjectsKit, 'database' | 'pokeOutbox'>

/** Stores the binding as GitHub describes the installation now. Only after {@link isProven}. */
export function bindInstallation(kit: StoreKit, owner: Owner, installation: Installation): Promise<void> {
  return store(kit, owner, installation, { mayBeNew: true })
}

/** The same for an installation that is bound already; one that is not any more stays unbound. */
export function refreshInstallation(kit: StoreKit, owner: Owner, installation: Installation): Promise<void> {
  return store(kit, owner, installation, { mayBeNew: false })
}

async function store(
  { database, pokeOutbox }: StoreKit,
  { userId, requestId }: Owner,
  installation: Installation,
  { mayBeNew }: { mayBeNew: boolean },
): Promise<void> {
  const installationId = installation.id
  const isSuspended = Boolean(installation.suspended_at)
  await database.transaction(async tx => {
    await lockGithubOf(tx, userId)
    const known = await findInstallation(tx, userId, installationId)
    if (!known && !mayBeNew) return
    await upsertInstallation(tx, userId, installation)
    const wasActive = known !== null && known.suspendedAt === null
    if (wasActive !== isSuspended) return
    if (isSuspended) await tellUncovered(tx, userId, await uncoverRepos(tx, userId, installationId, []))
    const event = isSuspended ? installationSuspended : installationBound
    await recordEvent(tx, outbox, { event, userId, requestId, payload: { installationId } })
  })
  pokeOutbox()
}
