/** What a run finds left in its checkout, as its events tell it, and gives back where that was asked for. */
import type { NewEvent } from '../events/append.ts'
import type { PutAside } from '../git/put-aside.ts'
import { resumeLeftovers } from '../git/resume-leftovers.ts'
import { LEFTOVERS_KEPT_DAYS, newestLeftovers, recordLeftovers } from '../runs/leftovers-store.ts'
import { stageEvent } from './event-mapping.ts'
import type { PrepareContext } from './prepare.ts'

type Found = Exclude<PutAside, { kind: 'nothing' }>

/** The record and the event of what was put aside are stored before the checkout is changed. */
export async function noteLeftovers({ claim, writer, deps }: PrepareContext, found: Found): Promise<void> {
  if (found.kind === 'kept') await recordLeftovers(deps.database, claim.run, found.leftovers)
  await writer.add([stageEvent('git_sync', describe(found), { leftovers: leftoversPayload(found) })])
}

export function leftoversPayload(found: Found) {
  if (found.kind === 'moved') {
    return { run_id: found.leftBy, ref: null, directory: found.directory, reason: found.reason }
  }
  const { leftBy, ref, files, bytes, notKept } = found.leftovers
  return { run_id: leftBy, ref, files, bytes, ...(notKept.length > 0 ? { not_kept: notKept } : {}) }
}

function describe(found: Found): string {
  if (found.kind === 'moved') {
    return (
      `Run ${found.leftBy} left changes that could not be put aside (${found.reason}). They were moved to ` +
      `${found.directory} in this sandbox, and stay there as long as it exists`
    )
  }
  const { leftBy, files, bytes, notKept } = found.leftovers
  const without = notKept.length > 0 ? `. Not kept: ${notKept.join(', ')}` : ''
  return (
    `Put aside ${counted(files)} (${bytes} bytes) that run ${leftBy} left undelivered, for ${LEFTOVERS_KEPT_DAYS} ` +
    `days. A run on this branch with "leftovers": "resume" gets them back${without}`
  )
}

/** The events to be stored; none when the run did not ask for it. */
export async function resumeIfAsked(
  { claim, lease, deps }: PrepareContext,
  sandboxId: string,
): Promise<NewEvent[]> {
  const { run } = claim
  if (run.leftovers !== 'resume') return []
  const newest = await newestLeftovers(deps.database, run)
  if (!newest) return [stageEvent('git_sync', 'There are no leftovers to resume', { resumed: null })]
  const { runId, commit, fromCommit: from, files } = newest
  const result = await resumeLeftovers({
    host: deps.gitHost,
    provider: deps.provider,
    sandboxId,
    repoId: run.repoId,
    leftovers: { commit, from },
    signal: lease.signal,
  })
  const message = {
    resumed: `Gave back ${counted(files)} that run ${runId} had left`,
    conflict: `What run ${runId} left conflicts with the branch as it is now. It stays aside, and the checkout is clean`,
    unreadable: `What run ${runId} left could not be given back. It stays aside, and the checkout is clean`,
  }[result]
  return [stageEvent('git_sync', message, { resumed: { run_id: runId, files, result } })]
}

function counted(files: number): string {
  return `${files} ${files === 1 ? 'file' : 'files'}`
}
