/** Brings what is stored of a user's installations up to date before it is shown (projects spec 5.3). */
import type { GithubInstallation } from '../../database/schema.ts'
import type { Owner } from '../../environment.ts'
import type { GithubApp } from '../github.ts'
import { ANSWER_LIMIT_MS, within } from '../within.ts'
import { refreshInstallation } from './bind.ts'
import type { BindingKit, LookUp } from './reconcile.ts'
import type { Rest } from './rest.ts'
import { listActiveInstallations } from './store.ts'

export interface Healing {
  /** In any case, not only where nothing is known. */
  isAsked: boolean
  lookUp: LookUp
  rest: Rest
  limitMs?: number
}

/**
 * Never throws for GitHub's or identity's sake: what is stored is better than nothing. What takes too long goes
 * on by itself.
 */
export async function healInstallations(kit: BindingKit, owner: Owner, how: Healing): Promise<void> {
  const { app } = kit.github
  if (!app) return
  const { userId } = owner
  const healed = heal(kit, app, owner, how).catch(err => {
    kit.log.warn({ event: 'github.heal-failed', userId, err })
  })
  const { limitMs = ANSWER_LIMIT_MS } = how
  await within(healed, { limitMs, late: undefined, log: kit.log })
}

async function heal(
  kit: BindingKit,
  app: GithubApp,
  owner: Owner,
  { isAsked, lookUp, rest }: Healing,
): Promise<void> {
  const { userId } = owner
  const known = await listActiveInstallations(kit.database, userId)
  if (isAsked || (known.length === 0 && !rest.isResting(userId))) {
    const { isPartial } = await lookUp(app, owner)
    const isEmpty = (await listActiveInstallations(kit.database, userId)).length === 0
    if (isEmpty && !isPartial) rest.begin(userId)
  }
  for (const { installationId } of known.filter(isIncomplete)) await describe(kit, app, owner, installationId)
}

function isIncomplete({ accountLogin, accountType, targetType }: GithubInstallation): boolean {
  return !accountLogin || !accountType || !targetType
}

async function describe(
  kit: BindingKit,
  app: GithubApp,
  owner: Owner,
  installationId: number,
): Promise<void> {
  const installation = await app.installation(installationId)
  if (installation) await refreshInstallation(kit, owner, installation)
}
