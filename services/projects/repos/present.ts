/** A repo as clients see it (projects spec 2.1, 2.2). */

import type { SecretBox } from '@mogplex/kit/secrets.ts'
import type { AssertionClaims } from '@mogplex/proto/caller.ts'
import type { Repo } from '@mogplex/proto/wire/repos.ts'
import { presentWorkspace } from '../workspaces/present.ts'
import { coverageOf } from './coverage.ts'
import { openEnvVars } from './secrets.ts'
import type { RepoInWorkspace } from './store.ts'

/** Nothing makes these yet. */
const NOT_BUILT = {
  parent_repo_id: null,
  is_monorepo: false,
  snapshot_id: null,
  snapshot_created_at: null,
  snapshot_commit_sha: null,
  snapshot_lockfile_hash: null,
}

/** Values of environment variables go to people who signed in, never to tokens (projects spec 1, "Secrets"). */
export function mayReadValues({ amr }: AssertionClaims): boolean {
  return amr === 'session' || amr === 'test'
}

/** 503 when values are to be shown and cannot be read. */
export function presentRepo(
  { repo, workspace, hasInstallation }: RepoInWorkspace,
  caller: AssertionClaims,
  secrets: SecretBox,
): Repo {
  const [owner = '', name = ''] = repo.fullName.split('/')
  return {
    id: repo.id,
    user_id: repo.userId,
    provider: repo.provider,
    github_id: repo.githubId,
    github_installation_id: repo.githubInstallationId,
    full_name: repo.fullName,
    owner,
    name,
    default_branch: repo.defaultBranch,
    root_directory: repo.rootDirectory,
    workspace_id: repo.workspaceId,
    remote_url: repo.remoteUrl,
    has_credential: repo.credential !== null,
    install_command: repo.installCommand,
    dev_command: repo.devCommand,
    dev_port: repo.devPort,
    dev_port_auto: repo.devPortAuto,
    sandbox_timeout_ms: repo.sandboxTimeoutMs,
    runtime: repo.runtime,
    env_sync_mode: repo.envSyncMode,
    ...(mayReadValues(caller) ? { sandbox_env_vars: openEnvVars(secrets, repo) } : {}),
    sandbox_env_var_keys: repo.sandboxEnvVarKeys,
    is_favorite: repo.isFavorite,
    is_hidden: repo.isHidden,
    ...NOT_BUILT,
    ...coverageOf(repo, hasInstallation),
    workspace: presentWorkspace(workspace),
    created_at: repo.createdAt.toISOString(),
    updated_at: repo.updatedAt.toISOString(),
  }
}
