/** The SQL of repos. Every statement names the owner. */
import type { Queryable, Transaction } from '@mogplex/kit/database/connect.ts'
import { ApiError } from '@mogplex/kit/errors.ts'
import { isUuid } from '@mogplex/kit/validation.ts'
import { and, asc, desc, eq, getTableColumns, type SQL, sql } from 'drizzle-orm'
import { githubInstallations, type Repo, repos, type Workspace, workspaces } from '../database/schema.ts'
import type { RepoIdentity } from './origin.ts'

/** A repo and the workspace it lies in. */
export interface RepoInWorkspace {
  repo: Repo
  workspace: Workspace
  /** The user has an active installation of the GitHub App. */
  hasInstallation: boolean
}

const hasInstallation = sql<boolean>`exists (
  select 1 from ${githubInstallations} i where i.user_id = ${repos}.user_id and i.suspended_at is null)`
const columns = {
  repo: getTableColumns(repos),
  workspace: getTableColumns(workspaces),
  hasInstallation,
}
const byFullName = sql`${repos.fullName} collate "C"`

function owned(userId: string, id: string): SQL | undefined {
  return and(eq(repos.id, id), eq(repos.userId, userId))
}

export function repoNotFound(): ApiError {
  return new ApiError('REPO_NOT_FOUND', 'Repo not found')
}

/** Null for an unknown, foreign or malformed id. */
export async function findRepo(
  database: Queryable,
  userId: string,
  id: string,
): Promise<RepoInWorkspace | null> {
  if (!isUuid(id) || !isUuid(userId)) return null
  const [found] = await database
    .select(columns)
    .from(repos)
    .innerJoin(workspaces, eq(workspaces.id, repos.workspaceId))
    .where(owned(userId, id))
  return found ?? null
}

/** 404 `REPO_NOT_FOUND` instead of null. */
export async function repoOrNotFound(
  database: Queryable,
  userId: string,
  id: string,
): Promise<RepoInWorkspace> {
  const found = await findRepo(database, userId, id)
  if (!found) throw repoNotFound()
  return found
}

/** Favourites first, then by name; of one name the repository's root first. */
export function listRepos(
  database: Queryable,
  userId: string,
  options: { withHidden: boolean },
): Promise<RepoInWorkspace[]> {
  return database
    .select(columns)
    .from(repos)
    .innerJoin(workspaces, eq(workspaces.id, repos.workspaceId))
    .where(and(eq(repos.userId, userId), options.withHidden ? undefined : eq(repos.isHidden, false)))
    .orderBy(
      desc(repos.isFavorite),
      byFullName,
      sql`${repos.rootDirectory} collate "C" nulls first`,
      asc(repos.id),
    )
}

/** The repos a script sees (projects spec 2.3). `id` beats `q`; `q` is matched as it is, ignoring case. */
export async function searchVisibleRepos(
  database: Queryable,
  userId: string,
  { id, q, limit }: { id: string; q: string; limit: number },
): Promise<Pick<Repo, 'id' | 'fullName' | 'defaultBranch' | 'rootDirectory' | 'githubInstallationId'>[]> {
  if (id !== '' && !isUuid(id)) return []
  // No name holds a NUL, and Postgres takes no text with one.
  if (id === '' && q.includes('\0')) return []
  const matching =
    id !== ''
      ? eq(repos.id, id)
      : q !== ''
        ? sql`strpos(lower(${repos.fullName}), ${q.toLowerCase()}) > 0`
        : undefined
  return database
    .select({
      id: repos.id,
      fullName: repos.fullName,
      defaultBranch: repos.defaultBranch,
      rootDirectory: repos.rootDirectory,
      githubInstallationId: repos.githubInstallationId,
    })
    .from(repos)
    .where(and(eq(repos.userId, userId), eq(repos.isHidden, false), matching))
    .orderBy(byFullName, asc(repos.id))
    .limit(limit)
}

/** The id of the user's repo that is the same remote, or repository of GitHub, and directory. */
export async function findSameRepo(
  database: Queryable,
  { userId, remoteKey, githubId, rootDirectory }: RepoIdentity,
): Promise<string | null> {
  const [found] = await database
    .select({ id: repos.id })
    .from(repos)
    .where(
      and(
        eq(repos.userId, userId),
        remoteKey === null ? sql`${repos.githubId} = ${githubId}` : eq(repos.remoteKey, remoteKey),
        sql`${repos.rootDirectory} is not distinct from ${rootDirectory}::text`,
      ),
    )
  return found?.id ?? null
}

/** Null when the user has the same repo already. */
export async function insertRepo(tx: Transaction, row: typeof repos.$inferInsert): Promise<Repo | null> {
  const [inserted] = await tx.insert(repos).values(row).onConflictDoNothing().returning()
  return inserted ?? null
}

/**
 * Null when the repo is gone or, with `ifRemoteVersion`, its remote or credential was changed meanwhile.
 * Breaks the constraint `repos_unique_remote` or `repos_unique_github` when the user has the same repo already.
 */
export async function updateRepo(
  tx: Transaction,
  { id, userId }: Pick<Repo, 'id' | 'userId'>,
  change: Partial<typeof repos.$inferInsert>,
  ifRemoteVersion: number | null,
): Promise<Repo | null> {
  const isCurrent = ifRemoteVersion === null ? undefined : eq(repos.remoteVersion, ifRemoteVersion)
  const [updated] = await tx
    .update(repos)
    .set({ ...change, updatedAt: new Date() })
    .where(and(owned(userId, id), isCurrent))
    .returning()
  return updated ?? null
}

/** False when it was gone already. */
export async function deleteRepo(tx: Transaction, { id, userId }: Repo): Promise<boolean> {
  const deleted = await tx.delete(repos).where(owned(userId, id)).returning({ id: repos.id })
  return deleted.length > 0
}
