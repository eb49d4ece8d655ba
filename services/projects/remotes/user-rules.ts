/** Which remotes a user may name: what the instance takes, of this machine and its network only with host access. */
import { getUser } from '@mogplex/proto/identity.ts'
import { type Owner, type ProjectsKit, remoteRules } from '../environment.ts'
import type { RemoteRules } from './vet-remote.ts'

/**
 * Asked anew each time: host access that was revoked is gone with the next import and the next run. 503 when
 * identity does not answer.
 */
export async function rulesFor(
  { ask, config }: Pick<ProjectsKit, 'ask' | 'config'>,
  { userId, requestId }: Pick<Owner, 'userId'> & Partial<Owner>,
): Promise<RemoteRules> {
  const rules = remoteRules(config)
  if (!rules.allowPrivateHosts && rules.localRoots.length === 0) return rules
  const { user } = await ask(getUser, { userId }, { userId, ...(requestId ? { requestId } : {}) })
  return user?.hostAccess ? rules : { ...rules, allowPrivateHosts: false, localRoots: [] }
}
