/** Imports a repository of GitHub by what the client knows of it; GitHub is not asked (projects spec 2.2). */
import { badRequest } from '@mogplex/kit/errors.ts'
import { newId } from '@mogplex/kit/ids.ts'
import type { Owner, ProjectsKit } from '../environment.ts'
import { queueSyncOf } from '../github/sync-jobs/store.ts'
import { workspaceOrNotFound } from '../workspaces/store.ts'
import { addRepo } from './add-repo.ts'
import { assertNoDuplicate } from './duplicate.ts'
import { type Body, readBranch, readFullName, readSettings, readWorkspaceId } from './fields.ts'
import { readSandboxEnvVars } from './sandbox-env-vars.ts'
import { sealEnvVars } from './secrets.ts'
import type { RepoInWorkspace } from './store.ts'

/**
 * Gives no coverage: that only GitHub gives. Where the App is installed on the account, its repositories are synced
 * soon after. 400, 404 for the workspace, 409 `DUPLICATE_REPO`.
 */
export async function importGithub(kit: ProjectsKit, owner: Owner, body: Body): Promise<RepoInWorkspace> {
  const { database, secrets } = kit
  const { userId } = owner
  const fullName = readFullName(body.full_name)
  if (fullName === null) throw badRequest('full_name: is required', { field: 'full_name' })
  const githubId = readGithubId(body.github_id)
  const defaultBranch = readBranch(body.default_branch) ?? 'main'
  const workspaceId = readWorkspaceId(body.workspace_id)
  const envVars = readSandboxEnvVars(body.sandbox_env_vars)
  // A repo is hidden by a later change only.
  const settings = { ...readSettings(body), isHidden: false }

  if (workspaceId !== null) await workspaceOrNotFound(database, userId, workspaceId)
  const { rootDirectory } = settings
  await assertNoDuplicate(database, { userId, githubId, remoteKey: null, rootDirectory })
  const id = newId()
  const row = {
    ...settings,
    ...{ id, githubId, fullName, defaultBranch },
    provider: 'github' as const,
    sandboxEnvVars: sealEnvVars(secrets, { id, userId }, envVars),
    sandboxEnvVarKeys: Object.keys(envVars).sort(),
  }
  const account = fullName.split('/')[0] ?? ''
  const added = await addRepo(kit, owner, workspaceId, row, tx => queueSyncOf(tx, owner, account))
  kit.pokeSyncs()
  return added
}

function readGithubId(value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value
  throw badRequest("github_id: must be GitHub's numeric id of the repository", { field: 'github_id' })
}
