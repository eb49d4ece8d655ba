/** Imports a plain git remote (projects spec 3). */
import { badRequest } from '@mogplex/kit/errors.ts'
import { isValidGitRef } from '@mogplex/kit/git-ref.ts'
import { newId } from '@mogplex/kit/ids.ts'
import type { Owner, ProjectsKit } from '../environment.ts'
import { assertFits, type Credential, readCredential } from '../remotes/credential.ts'
import { defaultFullName, remoteKey } from '../remotes/remote-identity.ts'
import { rulesFor } from '../remotes/user-rules.ts'
import { probeVetted, vetRemote } from '../remotes/vet-remote.ts'
import { workspaceOrNotFound } from '../workspaces/store.ts'
import { addRepo } from './add-repo.ts'
import { assertNoDuplicate } from './duplicate.ts'
import {
  type Body,
  type RepoSettings,
  readBranch,
  readFullName,
  readRemoteUrl,
  readSettings,
  readWorkspaceId,
} from './fields.ts'
import { readSandboxEnvVars } from './sandbox-env-vars.ts'
import { sealCredential, sealEnvVars } from './secrets.ts'
import type { RepoInWorkspace } from './store.ts'

interface NewRepo {
  settings: RepoSettings
  remoteUrl: string
  credential: Credential | null
  fullName: string | null
  defaultBranch: string | null
  workspaceId: string | null
  sandboxEnvVars: Record<string, string>
}

function readNewRepo(body: Body): NewRepo {
  return {
    fullName: readFullName(body.full_name),
    remoteUrl: readRemoteUrl(body.remote_url),
    credential: readCredential(body.credential),
    defaultBranch: readBranch(body.default_branch),
    workspaceId: readWorkspaceId(body.workspace_id),
    sandboxEnvVars: readSandboxEnvVars(body.sandbox_env_vars),
    // A repo is hidden by a later change only.
    settings: { ...readSettings(body), isHidden: false },
  }
}

/**
 * Checks fields, remote, workspace, duplicates, then asks the remote itself, and only then stores. Nothing
 * is stored, and no transaction open, while a stranger's server is waited for.
 */
export async function importGit(kit: ProjectsKit, owner: Owner, body: Body): Promise<RepoInWorkspace> {
  const { database, secrets } = kit
  const { userId } = owner
  const wanted = readNewRepo(body)
  const vetted = await vetRemote(wanted.remoteUrl, await rulesFor(kit, owner))
  if (wanted.credential) assertFits(wanted.credential, vetted.remote)
  if (wanted.workspaceId !== null) await workspaceOrNotFound(database, userId, wanted.workspaceId)
  const identity = {
    userId,
    githubId: null,
    remoteKey: remoteKey(vetted.remote),
    rootDirectory: wanted.settings.rootDirectory,
  }
  await assertNoDuplicate(database, identity)

  const id = newId()
  const credential = wanted.credential && sealCredential(secrets, { id, userId }, wanted.credential)
  const sandboxEnvVars = sealEnvVars(secrets, { id, userId }, wanted.sandboxEnvVars)
  const { headBranch } = await probeVetted(vetted, wanted.credential ?? { kind: 'none' })
  return addRepo(kit, owner, wanted.workspaceId, {
    ...wanted.settings,
    remoteKey: identity.remoteKey,
    id,
    provider: 'git',
    fullName: wanted.fullName ?? defaultFullName(vetted.remote),
    defaultBranch: wanted.defaultBranch ?? usableBranch(headBranch),
    remoteUrl: vetted.remote.url,
    credential,
    sandboxEnvVars,
    sandboxEnvVarKeys: Object.keys(wanted.sandboxEnvVars).sort(),
  })
}

/** The remote's own branch when the client named none. */
function usableBranch(headBranch: string | null): string {
  if (headBranch === null) return 'main'
  if (isValidGitRef(headBranch)) return headBranch
  throw badRequest("default_branch: the remote's own has a name that cannot be used here; name another", {
    field: 'default_branch',
  })
}
