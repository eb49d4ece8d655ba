/** Changes and deletes repos (projects spec 2.2), each in one transaction with its event. */
import { ApiError, badRequest } from '@mogplex/kit/errors.ts'
import { recordEvent } from '@mogplex/kit/outbox/record.ts'
import { repoDeleted, repoUpdated } from '@mogplex/proto/projects.ts'
import { outbox, type Repo, type repos } from '../database/schema.ts'
import type { Owner, ProjectsKit } from '../environment.ts'
import { rulesFor } from '../remotes/user-rules.ts'
import { holdWorkspace, workspaceOrNotFound } from '../workspaces/store.ts'
import { type PlannedRemote, planRemote, probePlanned } from './change-remote.ts'
import { assertNoDuplicate, duplicateRepo, isDuplicateFailure } from './duplicate.ts'
import { changedSettings, type RepoChange } from './fields.ts'
import { isGitRepo, type RepoIdentity } from './origin.ts'
import { sealEnvVars } from './secrets.ts'
import {
  deleteRepo,
  findRepo,
  findSameRepo,
  type RepoInWorkspace,
  repoNotFound,
  repoOrNotFound,
  updateRepo,
} from './store.ts'

/** What is to be written, and what of it is new. */
interface Plan {
  columns: Partial<typeof repos.$inferInsert>
  fields: string[]
  remote: PlannedRemote | null
}

/** What does not differ from `current` is no change and makes no event. */
export async function changeRepo(
  kit: ProjectsKit,
  owner: Owner,
  current: RepoInWorkspace,
  change: RepoChange,
): Promise<RepoInWorkspace> {
  const { repo } = current
  const { database } = kit
  const plan = await planChange(kit, owner, repo, change)
  if (plan.columns.workspaceId !== undefined)
    await workspaceOrNotFound(database, owner.userId, plan.columns.workspaceId)
  if (plan.fields.length === 0) return current
  await assertNoDuplicate(database, identityAfter(repo, plan), repo.id)
  if (plan.remote) await probePlanned(plan.remote)
  try {
    await writeChange(kit, owner, repo, plan)
  } catch (error) {
    if (!isDuplicateFailure(error)) throw error
    throw duplicateRepo(await findSameRepo(database, identityAfter(repo, plan)))
  }
  return repoOrNotFound(database, owner.userId, repo.id)
}

async function planChange(kit: ProjectsKit, owner: Owner, repo: Repo, change: RepoChange): Promise<Plan> {
  const { secrets } = kit
  const remote = await planRemoteChange(kit, owner, repo, change)
  const plan: Plan = {
    remote,
    columns: { ...change.settings, ...remote?.columns },
    fields: [...changedSettings(repo, change.settings), ...(remote?.fields ?? [])],
  }
  if (change.defaultBranch !== undefined && change.defaultBranch !== repo.defaultBranch) {
    plan.columns.defaultBranch = change.defaultBranch
    plan.fields.push('default_branch')
  }
  if (change.workspaceId !== undefined && change.workspaceId.toLowerCase() !== repo.workspaceId) {
    plan.columns.workspaceId = change.workspaceId
    plan.fields.push('workspace_id')
  }
  if (change.sandboxEnvVars !== undefined) {
    plan.columns.sandboxEnvVars = sealEnvVars(secrets, repo, change.sandboxEnvVars)
    plan.columns.sandboxEnvVarKeys = Object.keys(change.sandboxEnvVars).sort()
    // Values are not compared: a value given is a value written.
    plan.fields.push('sandbox_env_vars')
  }
  return plan
}

async function planRemoteChange(
  kit: ProjectsKit,
  owner: Owner,
  repo: Repo,
  change: RepoChange,
): Promise<PlannedRemote | null> {
  if (change.remoteUrl === undefined && change.credential === undefined) return null
  if (isGitRepo(repo))
    return planRemote(repo, change, { rules: await rulesFor(kit, owner), secrets: kit.secrets })
  const field = change.remoteUrl === undefined ? 'credential' : 'remote_url'
  if (change.remoteUrl === undefined && change.credential === null) return null
  throw badRequest(`${field}: a repository of GitHub has none of its own`, { field })
}

function identityAfter(repo: Repo, { columns }: Plan): RepoIdentity {
  const rootDirectory = columns.rootDirectory === undefined ? repo.rootDirectory : columns.rootDirectory
  return { ...repo, remoteKey: columns.remoteKey ?? repo.remoteKey, rootDirectory }
}

async function writeChange(
  { database }: ProjectsKit,
  { userId, requestId }: Owner,
  repo: Repo,
  { columns, fields, remote }: Plan,
): Promise<void> {
  await database.transaction(async tx => {
    if (columns.workspaceId !== undefined) await holdWorkspace(tx, userId, columns.workspaceId)
    // A credential stored meanwhile for the old remote must not end up beside the new one.
    const guard = remote && remote.fields.length > 0 ? repo.remoteVersion : null
    const version = guard === null ? {} : { remoteVersion: guard + 1 }
    const updated = await updateRepo(tx, repo, { ...columns, ...version }, guard)
    if (!updated && (await findRepo(tx, userId, repo.id)))
      throw new ApiError('CONFLICT', 'The remote or its credential was changed meanwhile; try again')
    if (!updated) throw repoNotFound()
    await recordEvent(tx, outbox, {
      event: repoUpdated,
      userId,
      requestId,
      payload: { repoId: repo.id, fields },
    })
  })
}

/** 404 when it is gone. */
export async function removeRepo(
  { database }: ProjectsKit,
  { userId, requestId }: Owner,
  { repo }: RepoInWorkspace,
): Promise<void> {
  await database.transaction(async tx => {
    if (!(await deleteRepo(tx, repo))) throw repoNotFound()
    await recordEvent(tx, outbox, { event: repoDeleted, userId, requestId, payload: { repoId: repo.id } })
  })
}
