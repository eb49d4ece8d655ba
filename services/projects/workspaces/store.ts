/** The SQL of workspaces. Every statement names the owner. */
import type { Queryable, Transaction } from '@mogplex/kit/database/connect.ts'
import { notFound } from '@mogplex/kit/errors.ts'
import { isUuid } from '@mogplex/kit/validation.ts'
import { and, asc, count, desc, eq, getTableColumns, sql } from 'drizzle-orm'
import { repos, type Workspace, workspaces } from '../database/schema.ts'

export interface CountedWorkspace {
  workspace: Workspace
  repoCount: number
}

// Written out: drizzle leaves table names off a column where a query has one table.
const repoCount = sql<number>`(select count(*)::int from ${repos} r where r.workspace_id = ${workspaces}.id)`
const counted = { workspace: getTableColumns(workspaces), repoCount }

function owned(userId: string, id: string) {
  return and(eq(workspaces.id, id), eq(workspaces.userId, userId))
}

/** The default one first, then the oldest. */
export function listWorkspaces(database: Queryable, userId: string): Promise<CountedWorkspace[]> {
  return database
    .select(counted)
    .from(workspaces)
    .where(eq(workspaces.userId, userId))
    .orderBy(desc(workspaces.isDefault), asc(workspaces.createdAt), asc(workspaces.id))
}

/** 404 for an unknown, foreign or malformed id. */
export async function workspaceOrNotFound(
  database: Queryable,
  userId: string,
  id: string,
): Promise<CountedWorkspace> {
  const [found] = isUuid(id) ? await database.select(counted).from(workspaces).where(owned(userId, id)) : []
  if (!found) throw notFound('Workspace not found')
  return found
}

/** Keeps the workspace from being deleted until the transaction ends. 404 as above. */
export async function holdWorkspace(tx: Transaction, userId: string, id: string): Promise<void> {
  const [held] = await tx
    .select({ id: workspaces.id })
    .from(workspaces)
    .where(owned(userId, id))
    .for('key share')
  if (!held) throw notFound('Workspace not found')
}

/** Nothing can be put into the workspace until the transaction ends. Null when the user has no such one. */
export async function lockWorkspace(tx: Transaction, userId: string, id: string): Promise<Workspace | null> {
  const [locked] = await tx.select().from(workspaces).where(owned(userId, id)).for('update')
  return locked ?? null
}

/** One at a time decides about how many workspaces the user has, until the transaction ends. */
export async function lockWorkspacesOf(tx: Transaction, userId: string): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${`workspaces:${userId}`}, 0))`)
}

export async function countWorkspaces(tx: Transaction, userId: string): Promise<number> {
  const [row] = await tx.select({ value: count() }).from(workspaces).where(eq(workspaces.userId, userId))
  return row?.value ?? 0
}

export async function countReposIn(tx: Transaction, workspaceId: string): Promise<number> {
  const [row] = await tx.select({ value: count() }).from(repos).where(eq(repos.workspaceId, workspaceId))
  return row?.value ?? 0
}

export async function findDefaultWorkspace(tx: Transaction, userId: string): Promise<Workspace | null> {
  const [found] = await tx
    .select()
    .from(workspaces)
    .where(and(eq(workspaces.userId, userId), eq(workspaces.isDefault, true)))
    .for('key share')
  return found ?? null
}

export async function nameKeysOf(tx: Transaction, userId: string): Promise<Set<string>> {
  const rows = await tx
    .select({ nameKey: workspaces.nameKey })
    .from(workspaces)
    .where(eq(workspaces.userId, userId))
  return new Set(rows.map(({ nameKey }) => nameKey))
}

/** Null when the user has a workspace of that name. */
export async function insertWorkspace(
  tx: Transaction,
  row: typeof workspaces.$inferInsert,
): Promise<Workspace | null> {
  const [inserted] = await tx.insert(workspaces).values(row).onConflictDoNothing().returning()
  return inserted ?? null
}

/** Null when it is gone. Breaks the constraint `workspaces_name` when the name is taken. */
export async function updateWorkspace(
  tx: Transaction,
  { id, userId }: Workspace,
  change: Partial<typeof workspaces.$inferInsert>,
): Promise<Workspace | null> {
  const [updated] = await tx
    .update(workspaces)
    .set({ ...change, updatedAt: new Date() })
    .where(owned(userId, id))
    .returning()
  return updated ?? null
}

export async function deleteWorkspace(tx: Transaction, { id, userId }: Workspace): Promise<void> {
  await tx.delete(workspaces).where(owned(userId, id))
}
