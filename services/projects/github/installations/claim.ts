/** An installation that somebody says is theirs (projects spec 5.3). */
import type { ReplyOf } from '@mogplex/proto/contract.ts'
import type { claimInstallation as contract } from '@mogplex/proto/projects.ts'
import type { Owner } from '../../environment.ts'
import { GithubError } from '../client/github-error.ts'
import { findGithubUser } from '../user-token.ts'
import { isProven } from './bind.ts'
import { type BindingKit, bindAndSync } from './reconcile.ts'

/** Binds it if GitHub confirms that; which installations there are is nobody else's to find out. */
export async function claimInstallation(
  kit: BindingKit,
  owner: Owner,
  installationId: number,
): Promise<ReplyOf<typeof contract>> {
  const { app, api } = kit.github
  const user = app && (await findGithubUser(kit, owner.userId))
  if (!app || !user) return { status: 'forbidden' }
  try {
    const installation = await app.installation(installationId)
    if (!installation || !(await isProven(api, installation, user))) return { status: 'forbidden' }
    return { status: 'bound', isSynced: await bindAndSync(kit, app, owner, installation) }
  } catch (err) {
    if (!(err instanceof GithubError)) throw err
    kit.log.warn({ event: 'github.claim-failed', installationId, err })
    return { status: 'unreachable' }
  }
}
