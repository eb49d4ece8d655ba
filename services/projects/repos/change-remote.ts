/** A change of where a repo lies or how it is read (projects spec 3, "PATCH remote_url"). */
import { badRequest } from '@mogplex/kit/errors.ts'
import { parseRemote } from '@mogplex/kit/git-remote/parse-remote.ts'
import type { ReachableRemote } from '@mogplex/kit/git-remote/reach-host.ts'
import type { SecretBox } from '@mogplex/kit/secrets.ts'
import type { repos } from '../database/schema.ts'
import { assertFits, type Credential } from '../remotes/credential.ts'
import { isSameHost, remoteKey } from '../remotes/remote-identity.ts'
import { probeVetted, type RemoteRules, vetRemote } from '../remotes/vet-remote.ts'
import type { RepoChange } from './fields.ts'
import type { GitRepo } from './origin.ts'
import { openCredential, sealCredential } from './secrets.ts'

/** Vetted and allowed, not yet probed. */
export interface PlannedRemote {
  vetted: ReachableRemote
  /** What the remote is to be read with. */
  credential: Credential | null
  /** Columns to write; empty when nothing differs. */
  columns: Partial<typeof repos.$inferInsert>
  /** Wire names of what differs. */
  fields: string[]
  /** False where only a credential is taken away: that must work whatever the remote thinks of it. */
  needsProbe: boolean
}

/**
 * 400 when the remote may not be used, when the credential does not fit it, and when a stored credential
 * would be sent to another host: then the request must bring a new one.
 */
export async function planRemote(
  repo: GitRepo,
  change: Pick<RepoChange, 'remoteUrl' | 'credential'>,
  { rules, secrets }: { rules: RemoteRules; secrets: SecretBox },
): Promise<PlannedRemote> {
  const vetted = await vetRemote(change.remoteUrl ?? repo.remoteUrl, rules)
  const isMoved = vetted.remote.url !== repo.remoteUrl
  if (change.credential) assertFits(change.credential, vetted.remote)
  const keepsStored = change.credential === undefined && repo.credential !== null
  if (isMoved && keepsStored) {
    // What is stored was allowed when it was; a setting that changed since does not make it another host.
    if (!isSameHost(parseRemote(repo.remoteUrl, { allowHttp: true }), vetted.remote))
      throw badRequest('credential: another host needs a new credential in the same request', {
        field: 'credential',
      })
  }
  const credential =
    change.credential === undefined && isMoved ? openCredential(secrets, repo) : (change.credential ?? null)
  const isCredentialChanged = Boolean(change.credential) || (change.credential === null && !!repo.credential)
  return {
    vetted,
    credential,
    needsProbe: isMoved || Boolean(change.credential),
    fields: [...(isMoved ? ['remote_url'] : []), ...(isCredentialChanged ? ['credential'] : [])],
    columns: {
      ...(isMoved ? { remoteUrl: vetted.remote.url, remoteKey: remoteKey(vetted.remote) } : {}),
      ...(isCredentialChanged
        ? { credential: change.credential ? sealCredential(secrets, repo, change.credential) : null }
        : {}),
    },
  }
}

/** 400 `REMOTE_UNREACHABLE`; up to 15 s. */
export async function probePlanned({ vetted, credential, needsProbe }: PlannedRemote): Promise<void> {
  if (needsProbe) await probeVetted(vetted, credential ?? { kind: 'none' })
}
