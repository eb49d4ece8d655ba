/** Makes the user's rows say what GitHub lists (projects spec 6.1). Settings, and what is hidden, are kept. */
import type { Transaction } from '@mogplex/kit/database/connect.ts'
import { newId } from '@mogplex/kit/ids.ts'
import { recordEvent } from '@mogplex/kit/outbox/record.ts'
import { repoCoverage, repoCreated, repoUpdated } from '@mogplex/proto/projects.ts'
import { outbox } from '../../database/schema.ts'
import type { Owner } from '../../environment.ts'
import { readSettings } from '../../repos/fields.ts'
import { ensureDefaultWorkspace } from '../../workspaces/workspaces.ts'
import type { GithubRepo } from '../api.ts'
import { branchOf, changeOf } from './changes.ts'
import { insertMissingRepos, listReposByGithubId, updateSyncedRepo } from './store.ts'

/** So many at once: a statement takes some 65,000 values. */
const CHUNK = 100

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
  for (const row of await listReposByGithubId(tx, owner.userId, [...listed.keys()])) {
    const now = listed.get(row.githubId ?? 0)
    const change = now ? changeOf(row, now, installationId) : null
    if (!change || !(await updateSyncedRepo(tx, row, change.columns))) continue
    const { id: repoId } = row
    const { fields } = change
    if (fields.length > 0)
      await recordEvent(tx, outbox, { event: repoUpdated, ...owner, payload: { repoId, fields } })
    if (change.isCovered)
      await recordEvent(tx, outbox, { event: repoCoverage, ...owner, payload: { repoId, installationId } })
  }
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
  for (const repoId of await insertMissingRepos(tx, rows)) {
    await recordEvent(tx, outbox, { event: repoCreated, ...owner, payload: { repoId } })
    if (installationId !== null)
      await recordEvent(tx, outbox, { event: repoCoverage, ...owner, payload: { repoId, installationId } })
  }
}
