/** The end of an installation, or of its use for a while (projects spec 5.2, 6.2, 7.2). No repo is deleted. */
import type { Transaction } from '@mogplex/kit/database/connect.ts'
import { recordEvent, recordEvents } from '@mogplex/kit/outbox/record.ts'
import { installationRemoved, installationSuspended, repoCoverage } from '@mogplex/proto/projects.ts'
import { outbox } from '../../database/schema.ts'
import type { ProjectsBase } from '../../environment.ts'
import type { LostInstallation } from '../app/installation-tokens.ts'
import { uncoverRepos } from '../sync/store.ts'
import { deleteInstallation, lockGithubOf, suspendInstallation, usersBoundTo } from './store.ts'

type LosingKit = Pick<ProjectsBase, 'database' | 'pokeOutbox'>

/** For everybody who is bound to it: forgets it, or remembers it as suspended; their repos lose its coverage. */
export async function loseInstallation(
  kit: LosingKit,
  installationId: number,
  how: LostInstallation,
): Promise<void> {
  for (const userId of await usersBoundTo(kit.database, installationId))
    await endBinding(kit, userId, installationId, how)
}

/** For one user; others may have it still. Nothing happens where it is so already. */
export async function endBinding(
  { database, pokeOutbox }: LosingKit,
  userId: string,
  installationId: number,
  how: LostInstallation,
): Promise<void> {
  await database.transaction(async tx => {
    await lockGithubOf(tx, userId)
    const end = how === 'deleted' ? deleteInstallation : suspendInstallation
    if (!(await end(tx, userId, installationId))) return
    await tellUncovered(tx, userId, await uncoverRepos(tx, userId, installationId, []))
    const event = how === 'deleted' ? installationRemoved : installationSuspended
    await recordEvent(tx, outbox, { event, userId, payload: { installationId } })
  })
  pokeOutbox()
}

/** Tells of repos that no installation covers any more. */
export function tellUncovered(tx: Transaction, userId: string, repoIds: string[]): Promise<void> {
  const payloads = repoIds.map(repoId => ({ repoId, installationId: null }))
  return recordEvents(tx, outbox, { event: repoCoverage, userId, payloads })
}
