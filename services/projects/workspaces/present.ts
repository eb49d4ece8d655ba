/** A workspace as clients see it (projects spec 4). */
import type * as wire from '@mogplex/proto/wire/workspaces.ts'
import type { Workspace } from '../database/schema.ts'

/** Without `repo_count`: as part of a repo. */
export function presentWorkspace(workspace: Workspace): wire.Workspace {
  return {
    id: workspace.id,
    user_id: workspace.userId,
    name: workspace.name,
    description: workspace.description,
    is_default: workspace.isDefault,
    sandbox_timeout_ms: workspace.sandboxTimeoutMs,
    sandbox_idle_timeout_ms: workspace.sandboxIdleTimeoutMs,
    created_at: workspace.createdAt.toISOString(),
    updated_at: workspace.updatedAt.toISOString(),
  }
}

/** `repoCount` counts all repos in it, hidden ones too. */
export function presentCountedWorkspace(workspace: Workspace, repoCount: number): wire.CountedWorkspace {
  return { ...presentWorkspace(workspace), repo_count: repoCount }
}
