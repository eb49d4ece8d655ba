/** The SQL of installations. Every statement but the first names the owner. */
import type { Queryable, Transaction } from '@mogplex/kit/database/connect.ts'
import { newId } from '@mogplex/kit/ids.ts'
import { and, desc, eq, inArray, isNull, sql } from 'drizzle-orm'
import { type GithubInstallation, githubInstallations, repos } from '../../database/schema.ts'
import type { Installation } from '../api.ts'

export async function usersBoundTo(database: Queryable, installationId: number): Promise<string[]> {
  const rows = await database
    .select({ userId: githubInstallations.userId })
    .from(githubInstallations)
    .where(eq(githubInstallations.installationId, installationId))
  return rows.map(({ userId }) => userId)
}

/** One at a time writes what GitHub says of a user's repos and installations, until the transaction ends. */
export async function lockGithubOf(tx: Transaction, userId: string): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${`github:${userId}`}, 0))`)
}

/** Those that are not suspended, the newest first. */
export function listActiveInstallations(database: Queryable, userId: string): Promise<GithubInstallation[]> {
  return database
    .select()
    .from(githubInstallations)
    .where(and(eq(githubInstallations.userId, userId), isNull(githubInstallations.suspendedAt)))
    .orderBy(desc(githubInstallations.createdAt), desc(githubInstallations.id))
}

function bound(userId: string, installationId: number) {
  return and(eq(githubInstallations.userId, userId), eq(githubInstallations.installationId, installationId))
}

export async function findInstallation(
  database: Queryable,
  userId: string,
  installationId: number,
): Promise<GithubInstallation | null> {
  const [found] = await database.select().from(githubInstallations).where(bound(userId, installationId))
  return found ?? null
}

/** What GitHub leaves unsaid stays as it was. */
export async function upsertInstallation(
  tx: Transaction,
  userId: string,
  { id: installationId, account, target_type, permissions, suspended_at }: Installation,
): Promise<void> {
  const said = {
    accountLogin: account.login,
    ...(account.type ? { accountType: account.type } : {}),
    ...(target_type ? { targetType: target_type } : {}),
    ...(permissions ? { permissions } : {}),
    suspendedAt: suspended_at ? new Date(suspended_at) : null,
  }
  await tx
    .insert(githubInstallations)
    .values({ id: newId(), userId, installationId, ...said })
    .onConflictDoUpdate({
      target: [githubInstallations.userId, githubInstallations.installationId],
      set: { ...said, updatedAt: sql`now()`, syncVersion: sql`${githubInstallations.syncVersion} + 1` },
    })
}

/** False when the installation is no longer as it was read, by a sync, or gone, or suspended meanwhile. */
export async function advanceSync(tx: Transaction, read: GithubInstallation): Promise<boolean> {
  const advanced = await tx
    .update(githubInstallations)
    .set({ syncVersion: read.syncVersion + 1, updatedAt: sql`now()` })
    .where(
      and(
        eq(githubInstallations.id, read.id),
        eq(githubInstallations.userId, read.userId),
        eq(githubInstallations.syncVersion, read.syncVersion),
        isNull(githubInstallations.suspendedAt),
      ),
    )
    .returning({ id: githubInstallations.id })
  return advanced.length > 0
}

/** False when it was not bound. */
export async function deleteInstallation(
  tx: Transaction,
  userId: string,
  installationId: number,
): Promise<boolean> {
  const deleted = await tx
    .delete(githubInstallations)
    .where(bound(userId, installationId))
    .returning({ id: githubInstallations.id })
  return deleted.length > 0
}

/** False when it was not bound, or suspended already. */
export async function suspendInstallation(
  tx: Transaction,
  userId: string,
  installationId: number,
): Promise<boolean> {
  const suspended = await tx
    .update(githubInstallations)
    .set({
      suspendedAt: sql`now()`,
      updatedAt: sql`now()`,
      syncVersion: sql`${githubInstallations.syncVersion} + 1`,
    })
    .where(and(bound(userId, installationId), isNull(githubInstallations.suspendedAt)))
    .returning({ id: githubInstallations.id })
  return suspended.length > 0
}

export interface CoveredRepo {
  id: string
  fullName: string
  installationId: number
}

/** The user's repos that these installations cover, by name. */
export async function listCoveredRepos(
  database: Queryable,
  userId: string,
  installationIds: number[],
): Promise<CoveredRepo[]> {
  if (installationIds.length === 0) return []
  const rows = await database
    .select({ id: repos.id, fullName: repos.fullName, installationId: repos.githubInstallationId })
    .from(repos)
    .where(and(eq(repos.userId, userId), inArray(repos.githubInstallationId, installationIds)))
    .orderBy(sql`${repos.fullName} collate "C"`, repos.id)
  return rows.flatMap(({ installationId, ...row }) =>
    installationId === null ? [] : [{ ...row, installationId }],
  )
}
