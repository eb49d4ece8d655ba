/** An installation that somebody says is theirs (projects spec 5.3). */
import type { ReplyOf } from '@mogplex/proto/contract.ts'
import type { claimInstallation as contract } from '@mogplex/proto/projects.ts'
import type { Owner } from '../../environment.ts'
import { GithubError } from '../client/github-error.ts'
import { findGithubUser } from '../user-token.ts'
import { ANSWER_LIMIT_MS, within } from '../within.ts'
import { bindInstallation, isProven } from './bind.ts'
import { type BindingKit, syncBound } from './reconcile.ts'

/** Binds it if GitHub confirms that; which installations there are is nobody else's to find out. */
export async function claimInstallation(
  kit: BindingKit,
  owner: Owner,
  installationId: number,
): Promise<ReplyOf<typeof contract>> {
  const { app, api } = kit.github
  const user = app && (await findGithubUser(kit, owner.userId))
  if (!app || !user) return { status: 'forbidden' }
  const startedAt = performance.now()
  try {
    const installation = await app.installation(installationId)
    if (!installation || !(await isProven(api, installation, user))) return { status: 'forbidden' }
    await bindInstallation(kit, owner, installation)
    const limitMs = Math.max(0, ANSWER_LIMIT_MS - (performance.now() - startedAt))
    const synced = syncBound(kit, app, owner, installationId)
    return { status: 'bound', isSynced: await within(synced, { limitMs, late: false, log: kit.log }) }
  } catch (err) {
    if (!(err instanceof GithubError)) throw err
    kit.log.warn({ event: 'github.claim-failed', installationId, err })
    return { status: 'unreachable' }
  }
}
