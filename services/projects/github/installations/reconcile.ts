/** Finds the installations that are the user's, binds them, and lets others go (projects spec 5.3). */
import { ApiError } from '@mogplex/kit/errors.ts'
import type { Owner, ProjectsKit } from '../../environment.ts'
import { GithubError } from '../client/github-error.ts'
import type { GithubApp } from '../github.ts'
import { singleFlight } from '../single-flight.ts'
import { syncInstallation } from '../sync/sync.ts'
import { findGithubUser, type GithubUser } from '../user-token.ts'
import { bindInstallation, isProven, isTheirs } from './bind.ts'
import { endBinding, loseInstallation } from './lose.ts'
import { listActiveInstallations } from './store.ts'

export type BindingKit = Pick<ProjectsKit, 'ask' | 'database' | 'github' | 'log' | 'pokeOutbox'>

export interface Reconciled {
  /** Some look-up failed: there may be more. */
  isPartial: boolean
}

/** Looks up a user's installations; those who want it at once share one look. */
export type LookUp = (app: GithubApp, owner: Owner) => Promise<Reconciled>

export function createLookUp(kit: BindingKit): LookUp {
  const once = singleFlight<Reconciled>()
  return (app, owner) => once(owner.userId, () => reconcileInstallations(kit, app, owner))
}

/** How many accounts are looked up at once. */
const AT_ONCE = 4

/**
 * Looks at the user's own account and at their organisations, then at what is bound and was not among them. One
 * that cannot be looked up does not stop the others. Throws only while identity or the database does not answer.
 */
async function reconcileInstallations(kit: BindingKit, app: GithubApp, owner: Owner): Promise<Reconciled> {
  const user = await findGithubUser(kit, owner.userId)
  if (!user) return { isPartial: false }
  let isPartial = false
  const orNone = <Value, None>(work: Promise<Value>, none: None) =>
    work.catch((err: unknown) => {
      if (!(err instanceof GithubError)) throw err
      kit.log.warn({ event: 'github.reconcile-partial', userId: owner.userId, err })
      isPartial = true
      return none
    })
  const orgs = await orNone(kit.github.api.orgsOf(user.credential), [])
  const logins = distinctLogins([user.login, ...orgs])
  const found = new Set<number | null>()
  for (let start = 0; start < logins.length; start += AT_ONCE) {
    const some = logins.slice(start, start + AT_ONCE)
    const ids = await Promise.all(some.map(login => orNone(bindOn(kit, app, owner, user, login), null)))
    for (const id of ids) found.add(id)
  }
  for (const { installationId } of await listActiveInstallations(kit.database, owner.userId))
    if (!found.has(installationId)) await orNone(letGo(kit, app, owner, user, installationId), undefined)
  return { isPartial }
}

async function bindOn(
  kit: BindingKit,
  app: GithubApp,
  owner: Owner,
  user: GithubUser,
  login: string,
): Promise<number | null> {
  const installation = await app.installationOn(login)
  if (!installation || !(await isProven(kit.github.api, installation, user))) return null
  await bindInstallation(kit, owner, installation)
  await syncBound(kit, app, owner, installation.id)
  return installation.id
}

/** Who was an admin need not be one any more. Where GitHub does not say, the binding stands. */
async function letGo(
  kit: BindingKit,
  app: GithubApp,
  owner: Owner,
  user: GithubUser,
  installationId: number,
): Promise<void> {
  const installation = await app.installation(installationId)
  if (!installation) await loseInstallation(kit, installationId, 'deleted')
  else if (!(await isTheirs(kit.github.api, installation, user)))
    await endBinding(kit, owner.userId, installationId, 'deleted')
}

/** False when its repos could not be listed, or it is suspended: the binding stands, and the next sync will. */
export async function syncBound(
  kit: BindingKit,
  app: GithubApp,
  owner: Owner,
  installationId: number,
): Promise<boolean> {
  try {
    return await syncInstallation(kit, app, owner, installationId)
  } catch (err) {
    if (!(err instanceof ApiError)) throw err
    kit.log.warn({ event: 'github.sync-failed', installationId, err })
    return false
  }
}

function distinctLogins(logins: string[]): string[] {
  return [...new Map(logins.map(login => [login.toLowerCase(), login])).values()]
}
