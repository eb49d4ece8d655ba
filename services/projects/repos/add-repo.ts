/** Stores a new repo with its event (projects spec 2.2). */
import type { Transaction } from '@mogplex/kit/database/connect.ts'
import { recordEvent } from '@mogplex/kit/outbox/record.ts'
import { repoCreated } from '@mogplex/proto/projects.ts'
import { outbox, type repos } from '../database/schema.ts'
import type { Owner, ProjectsKit } from '../environment.ts'
import { holdWorkspace } from '../workspaces/store.ts'
import { ensureDefaultWorkspace } from '../workspaces/workspaces.ts'
import { duplicateRepo } from './duplicate.ts'
import { findSameRepo, insertRepo, type RepoInWorkspace, repoOrNotFound } from './store.ts'

type NewRow = Omit<typeof repos.$inferInsert, 'userId' | 'workspaceId'>

/**
 * Into the default workspace where `workspaceId` is null; `also` is done in the same transaction. 404 for the
 * workspace, 409 `DUPLICATE_REPO`.
 */
export async function addRepo(
  { database }: Pick<ProjectsKit, 'database'>,
  owner: Owner,
  workspaceId: string | null,
  row: NewRow,
  also: (tx: Transaction) => Promise<void> = async () => undefined,
): Promise<RepoInWorkspace> {
  const { userId, requestId } = owner
  await database.transaction(async tx => {
    if (workspaceId !== null) await holdWorkspace(tx, userId, workspaceId)
    const home = workspaceId ?? (await ensureDefaultWorkspace(tx, owner)).id
    const repo = await insertRepo(tx, { ...row, userId, workspaceId: home })
    if (!repo) {
      const { remoteKey = null, githubId = null, rootDirectory = null } = row
      throw duplicateRepo(await findSameRepo(tx, { userId, remoteKey, githubId, rootDirectory }))
    }
    await recordEvent(tx, outbox, { event: repoCreated, userId, requestId, payload: { repoId: repo.id } })
    await also(tx)
  })
  return repoOrNotFound(database, userId, row.id)
}
