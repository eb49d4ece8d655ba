/** One remote, or repository of GitHub, and directory is one repo of a user (projects spec 2.1, "Unique per user"). */
import { brokenUniqueConstraint, type Queryable } from '@mogplex/kit/database/connect.ts'
import { ApiError } from '@mogplex/kit/errors.ts'
import type { RepoIdentity } from './origin.ts'
import { findSameRepo } from './store.ts'

/** 409 `DUPLICATE_REPO` with `repo_id`, when another repo than `exceptId` is the same. */
export async function assertNoDuplicate(
  database: Queryable,
  identity: RepoIdentity,
  exceptId: string | null = null,
): Promise<void> {
  const existing = await findSameRepo(database, identity)
  if (existing !== null && existing !== exceptId) throw duplicateRepo(existing)
}

/** `repoId` null: the other one was deleted a moment later. */
export function duplicateRepo(repoId: string | null): ApiError {
  return new ApiError('DUPLICATE_REPO', 'This repository and root_directory are imported already', {
    details: { repo_id: repoId },
  })
}

/** Whether a write failed because the repo would be one the user has. */
export function isDuplicateFailure(error: unknown): boolean {
  return ['repos_unique_remote', 'repos_unique_github'].includes(brokenUniqueConstraint(error) ?? '')
}
