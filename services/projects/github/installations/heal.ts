/** Brings what is stored of a user's installations up to date before it is shown (projects spec 5.3). */
import type { GithubInstallation } from '../../database/schema.ts'
import type { Owner } from '../../environment.ts'
import type { GithubApp } from '../github.ts'
import { refreshInstallation } from './bind.ts'
import type { BindingKit, LookUp } from './reconcile.ts'
import type { Rest } from './rest.ts'
import { listActiveInstallations } from './store.ts'

/** Never throws for GitHub's or identity's sake: what is stored is better than nothing. */
export async function healInstallations(
  kit: BindingKit,
  owner: Owner,
  { isAsked, lookUp, rest }: { isAsked: boolean; lookUp: LookUp; rest: Rest },
): Promise<void> {
  const { app } = kit.github
  if (!app) return
  const { userId } = owner
  const known = await listActiveInstallations(kit.database, userId)
  const isDue = known.length === 0 && !rest.isResting(userId)
  try {
    if (isAsked || isDue) {
      const { isPartial } = await lookUp(app, owner)
      const isEmpty = (await listActiveInstallations(kit.database, userId)).length === 0
      if (isEmpty && !isPartial) rest.begin(userId)
    }
    for (const { installationId } of known.filter(isIncomplete))
      await describe(kit, app, owner, installationId)
  } catch (err) {
    kit.log.warn({ event: 'github.heal-failed', userId, err })
  }
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
