/** Finding installations that nobody came back with (identity spec 4). */
import { reconcileInstallations } from '@mogplex/proto/projects.ts'
import type { User } from '../database/schema.ts'
import { type CountsKit, type ReadCounts, readCounts } from './counts.ts'
import { giveReconcileBack, recordInstalled, takeReconcile } from './install-state.ts'
import { waitAtMost } from './wait-at-most.ts'

/** Whoever looks at their page waits no longer; what is found later is there the next time. */
const WAIT_MS = 5_000

/**
 * The user's counts, after a look for installations if there are none and nobody looked a moment ago. Never
 * throws for projects' sake.
 */
export async function readReconciledCounts(
  kit: CountsKit,
  user: Pick<User, 'id' | 'githubInstallPendingUntil'>,
  requestId: string,
  now: Date,
): Promise<ReadCounts> {
  const counts = await readCounts(kit, user.id, requestId, now)
  if (counts.installations > 0 || counts.coveredRepos > 0) {
    // It may have been found by projects itself.
    const isStale = user.githubInstallPendingUntil !== null && counts.installations > 0
    if (isStale && !counts.isDegraded) await recordInstalled(kit.database, user.id)
    return counts
  }
  if (counts.isDegraded || !counts.isAppAvailable) return counts
  const found = await waitAtMost(reconcile(kit, user.id, requestId, now), WAIT_MS)
  if (!found) return counts
  const again = await readCounts(kit, user.id, requestId, now)
  return { ...again, installations: Math.max(found, again.installations) }
}

/** How many installations the user has; null when it is not known, or not to be asked yet. */
async function reconcile(
  { ask, database, log }: CountsKit,
  userId: string,
  requestId: string,
  now: Date,
): Promise<number | null> {
  const until = await takeReconcile(database, userId, now)
  if (!until) return null
  try {
    const { installationCount } = await ask(reconcileInstallations, { userId }, { userId, requestId })
    if (installationCount > 0) await recordInstalled(database, userId)
    return installationCount
  } catch (err) {
    log.warn({ event: 'github.reconcile-failed', userId, err })
    await giveReconcileBack(database, userId, until)
    return null
  }
}
