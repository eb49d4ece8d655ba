/** Making, changing and deleting workspaces (projects spec 4), each in one transaction with its event. */
import {
  brokenUniqueConstraint,
  type Database,
  type Queryable,
  type Transaction,
} from '@mogplex/kit/database/connect.ts'
import { ApiError, notFound } from '@mogplex/kit/errors.ts'
import { newId } from '@mogplex/kit/ids.ts'
import { recordEvent } from '@mogplex/kit/outbox/record.ts'
import { workspaceCreated, workspaceDeleted, workspaceUpdated } from '@mogplex/proto/projects.ts'
import { outbox, type Workspace } from '../database/schema.ts'
import type { Owner } from '../environment.ts'
import { readIdleTimeout, readLifetime } from '../launch-config/timeouts.ts'
import { nameKeyOf, type WorkspaceFields } from './fields.ts'
import {
  countReposIn,
  countWorkspaces,
  deleteWorkspace,
  findDefaultWorkspace,
  insertWorkspace,
  lockWorkspace,
  lockWorkspacesOf,
  nameKeysOf,
  updateWorkspace,
} from './store.ts'

const MAX_WORKSPACES = 100
const DEFAULT_NAME = 'Imported Repos'

/** 400 `LIMIT_REACHED` at 100, 409 `DUPLICATE_NAME`. */
export async function createWorkspace(
  database: Database,
  owner: Owner,
  fields: WorkspaceFields,
): Promise<Workspace> {
  return database.transaction(async tx => {
    await lockWorkspacesOf(tx, owner.userId)
    if ((await countWorkspaces(tx, owner.userId)) >= MAX_WORKSPACES)
      throw new ApiError('LIMIT_REACHED', `A user may have at most ${MAX_WORKSPACES} workspaces`)
    return insert(tx, owner, { ...fields, isDefault: false })
  })
}

/**
 * The workspace of repos imported without naming one, made when the user has none. Imports at the same time
 * get the same one. It cannot be deleted.
 */
export async function ensureDefaultWorkspace(tx: Transaction, owner: Owner): Promise<Workspace> {
  const known = await findDefaultWorkspace(tx, owner.userId)
  if (known) return known
  await lockWorkspacesOf(tx, owner.userId)
  const madeMeanwhile = await findDefaultWorkspace(tx, owner.userId)
  if (madeMeanwhile) return madeMeanwhile
  return insert(tx, owner, {
    name: freeName(await nameKeysOf(tx, owner.userId)),
    description: null,
    sandboxTimeoutMs: readLifetime(undefined),
    sandboxIdleTimeoutMs: readIdleTimeout(undefined),
    isDefault: true,
  })
}

/** `Imported Repos`, or the next of `Imported Repos 2`, `3`, … that nobody holds. */
function freeName(taken: Set<string>): string {
  let name = DEFAULT_NAME
  for (let number = 2; taken.has(nameKeyOf(name)); number += 1) name = `${DEFAULT_NAME} ${number}`
  return name
}

async function insert(
  tx: Transaction,
  { userId, requestId }: Owner,
  fields: WorkspaceFields & { isDefault: boolean },
): Promise<Workspace> {
  const row = { ...fields, id: newId(), userId, nameKey: nameKeyOf(fields.name) }
  const workspace = await insertWorkspace(tx, row)
  if (!workspace) throw duplicateName()
  await tell(tx, workspaceCreated, workspace, requestId)
  return workspace
}

/** What does not differ from `current` is no change. 409 `DUPLICATE_NAME`, 404 when it was deleted meanwhile. */
export async function changeWorkspace(
  database: Database,
  owner: Owner,
  current: Workspace,
  fields: Partial<WorkspaceFields>,
): Promise<Workspace> {
  const wanted = { ...current, ...fields }
  const isSame =
    wanted.name === current.name &&
    wanted.description === current.description &&
    wanted.sandboxTimeoutMs === current.sandboxTimeoutMs &&
    wanted.sandboxIdleTimeoutMs === current.sandboxIdleTimeoutMs
  if (isSame) return current
  const nameKey = fields.name === undefined ? {} : { nameKey: nameKeyOf(fields.name) }
  try {
    return await database.transaction(async tx => {
      const updated = await updateWorkspace(tx, current, { ...fields, ...nameKey })
      if (!updated) throw notFound('Workspace not found')
      await tell(tx, workspaceUpdated, updated, owner.requestId)
      return updated
    })
  } catch (error) {
    throw brokenUniqueConstraint(error) === 'workspaces_name' ? duplicateName() : error
  }
}

/** 404; 409 `CONFLICT` for the default one and for one with repos, also one that is being put in now. */
export async function removeWorkspace(database: Database, owner: Owner, id: string): Promise<void> {
  await database.transaction(async tx => {
    const workspace = await lockWorkspace(tx, owner.userId, id)
    if (!workspace) throw notFound('Workspace not found')
    if (workspace.isDefault) throw new ApiError('CONFLICT', 'The default workspace cannot be deleted')
    if ((await countReposIn(tx, id)) > 0)
      throw new ApiError('CONFLICT', 'The workspace is not empty; move or delete its repos first')
    await deleteWorkspace(tx, workspace)
    await tell(tx, workspaceDeleted, workspace, owner.requestId)
  })
}

function tell(
  tx: Queryable,
  event: typeof workspaceCreated | typeof workspaceUpdated | typeof workspaceDeleted,
  { id, userId }: Workspace,
  requestId: string,
): Promise<void> {
  return recordEvent(tx, outbox, { event, userId, requestId, payload: { workspaceId: id } })
}

function duplicateName(): ApiError {
  return new ApiError('DUPLICATE_NAME', 'name: another workspace has this name', {
    details: { field: 'name' },
  })
}
