/** Makes the user's rows say what GitHub lists (projects spec 6.1). Settings, and what is hidden, are kept. */
import type { Transaction } from '@mogplex/kit/database/connect.ts'
import { newId } from '@mogplex/kit/ids.ts'
import { recordEvents } from '@mogplex/kit/outbox/record.ts'
import { repoCoverage, repoCreated, repoUpdated } from '@mogplex/proto/projects.ts'
import { outbox } from '../../database/schema.ts'
import type { Owner } from '../../environment.ts'
import { readSettings } from '../../repos/fields.ts'
import { ensureDefaultWorkspace } from '../../workspaces/workspaces.ts'
import type { GithubRepo } from '../api.ts'
import { branchOf, changeOf, type RowChange } from './changes.ts'
import { insertMissingRepos, listReposByGithubId, updateSyncedRepos } from './store.ts'

/** So many at once: a statement takes some 65,000 values. */
const CHUNK = 500

/** `installationId`: the installation whose list it is, which covers what it lists; null for the user's own list. */
export async function keepListed(
  tx: Transaction,
  owner: Owner,
  listed: GithubRepo[],
  installationId: number | null,
): Promise<void> {
  // Pages shift while they are read: one may be on two of them.
  const distinct = [...new Map(listed.map(repo => [repo.id, repo])).values()]
  for (let start = 0; start < distinct.length; start += CHUNK) {
    const chunk = new Map(distinct.slice(start, start + CHUNK).map(repo => [repo.id, repo]))
    await insertNew(tx, owner, chunk, installationId)
    await updateKnown(tx, owner, chunk, installationId)
  }
}

/** What somebody imported a moment ago was not inserted, and is as much in need of the metadata. */
async function updateKnown(
  tx: Transaction,
  owner: Owner,
  listed: Map<number, GithubRepo>,
  installationId: number | null,
): Promise<void> {
  const changes = new Map<string, RowChange>()
  for (const row of await listReposByGithubId(tx, owner.userId, [...listed.keys()])) {
    const now = listed.get(row.githubId ?? 0)
    const change = now && changeOf(row, now, installationId)
    if (change) changes.set(row.id, change)
  }
  const updated = await updateSyncedRepos(tx, owner.userId, changes)
  const renamed = updated.flatMap(repoId => {
    const fields = changes.get(repoId)?.fields ?? []
    return fields.length > 0 ? [{ repoId, fields }] : []
  })
  await recordEvents(tx, outbox, { event: repoUpdated, ...owner, payloads: renamed })
  const covered = updated.filter(repoId => changes.get(repoId)?.isCovered)
  await tellCovered(tx, owner, covered, installationId)
}

async function insertNew(
  tx: Transaction,
  owner: Owner,
  listed: Map<number, GithubRepo>,
  installationId: number | null,
): Promise<void> {
  const known = new Set(
    (await listReposByGithubId(tx, owner.userId, [...listed.keys()])).map(({ githubId }) => githubId),
  )
  const missing = [...listed.values()].filter(({ id }) => !known.has(id))
  if (missing.length === 0) return
  const { id: workspaceId } = await ensureDefaultWorkspace(tx, owner)
  const rows = missing.map(repo => ({
    ...readSettings({}),
    id: newId(),
    userId: owner.userId,
    provider: 'github' as const,
    githubId: repo.id,
    githubInstallationId: installationId,
    fullName: repo.full_name,
    defaultBranch: branchOf(repo) ?? 'main',
    workspaceId,
    sandboxEnvVarKeys: [],
  }))
  const inserted = await insertMissingRepos(tx, rows)
  const payloads = inserted.map(repoId => ({ repoId }))
  await recordEvents(tx, outbox, { event: repoCreated, ...owner, payloads })
  if (installationId !== null) await tellCovered(tx, owner, inserted, installationId)
}

function tellCovered(
  tx: Transaction,
  owner: Owner,
  repoIds: string[],
  installationId: number | null,
): Promise<void> {
  const payloads = repoIds.map(repoId => ({ repoId, installationId }))
  return recordEvents(tx, outbox, { event: repoCoverage, ...owner, payloads })
}
