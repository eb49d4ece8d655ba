/**
 * The disk that sandboxes take while nothing runs in them: a user's together have a limit, and the host keeps
 * something free. For room, paused sandboxes are destroyed, the one longest unused first; never one that may
 * hold work that reached no remote.
 */
import type { Database } from '@mogplex/kit/database/connect.ts'
import { and, asc, eq, isNotNull, notInArray, type SQL, sql } from 'drizzle-orm'
import { type Sandbox, type SandboxStatus, sandboxes } from '../database/schema.ts'
import { inUnits } from '../sandboxes/in-units.ts'
import { changeSandbox } from '../sandboxes/lifecycle.ts'
import type { Claim } from './claim.ts'
import type { RunDeps } from './deps.ts'
import { RunFailure } from './run-failure.ts'

type Deps = Pick<RunDeps, 'database' | 'provider' | 'log'>

/** Sandboxes destroyed in one sweep; the next one goes on. */
const AT_ONCE = 20

/** Their files are about to be removed. */
const ON_THEIR_WAY_OUT: SandboxStatus[] = ['stopped', 'error']

/** Throws {@link RunFailure} when the user's sandboxes take too much, and nothing of it may be destroyed. */
export async function makeRoomForRun(
  { run, sandbox }: Pick<Claim, 'run' | 'sandbox'>,
  deps: Deps & Pick<RunDeps, 'settings'>,
): Promise<void> {
  const { database, provider, settings } = deps
  const most = settings.sandboxDiskPerUserBytes
  const ofUser = eq(sandboxes.userId, run.userId)
  const kept = await database
    .select({ sandboxId: sandboxes.sandboxId })
    .from(sandboxes)
    .where(and(ofUser, isNotNull(sandboxes.sandboxId), notInArray(sandboxes.status, ON_THEIR_WAY_OUT)))
  let taken = 0
  // One after another: where one has to be measured, the disk is busy.
  for (const { sandboxId } of kept) taken += sandboxId ? await provider.diskBytes(sandboxId) : 0
  if (taken <= most) return
  for (const old of await findDisposable(database, ofUser)) {
    if (taken <= most) return
    if (old.id !== sandbox.id) taken -= await destroyPaused(old, deps)
  }
  if (taken <= most) return
  throw new RunFailure(
    'sandbox_lost',
    `Your sandboxes use ${inUnits(taken)} of disk, and ${inUnits(most)} is what they may. Those that are left hold ` +
      'work that was not pushed. Let a run on such a branch succeed, remove a repo you no longer need, or have ' +
      'SANDBOX_DISK_PER_USER_MB raised',
  )
}

/** One pass: destroys paused sandboxes of anybody's until the host has enough again. */
export async function makeRoomOnHost(deps: Deps): Promise<void> {
  if (!deps.provider.shortage()) return
  for (const old of await findDisposable(deps.database)) {
    if (!deps.provider.shortage()) return
    await destroyPaused(old, deps)
  }
}

/** Paused, and the last agent in it ended with everything delivered; the longest unused first. */
function findDisposable(database: Database, condition?: SQL): Promise<Sandbox[]> {
  return database
    .select()
    .from(sandboxes)
    .where(
      and(
        condition,
        eq(sandboxes.status, 'paused'),
        isNotNull(sandboxes.sandboxId),
        sql`coalesce((select run.status = 'success' from runtime.agent_runs run
          where run.sandbox_record_id = ${sandboxes.id} and run.streaming_at is not null
          order by run.streaming_at desc limit 1), true)`,
      ),
    )
    .orderBy(asc(sandboxes.lastActiveAt))
    .limit(AT_ONCE)
}

/** How many bytes came free: none when a run was faster. */
async function destroyPaused(sandbox: Sandbox, { database, provider, log }: Deps): Promise<number> {
  if (!sandbox.sandboxId) return 0
  const bytes = await provider.diskBytes(sandbox.sandboxId)
  const stopped = await changeSandbox(database, sandbox.id, {
    from: ['paused'],
    to: 'stopped',
    stopReason: 'idle_timeout',
  })
  if (!stopped) return 0
  log.info({ event: 'sandbox.destroyed-for-room', sandboxRecordId: sandbox.id, bytes })
  await destroyStopped(stopped, { database, provider })
  return bytes
}

/** Removes the files of a sandbox whose record says that it is gone. */
export async function destroyStopped(
  sandbox: Sandbox,
  { database, provider }: Pick<Deps, 'database' | 'provider'>,
): Promise<void> {
  if (sandbox.sandboxId) await provider.destroy(sandbox.sandboxId)
  await database.update(sandboxes).set({ sandboxId: null }).where(eq(sandboxes.id, sandbox.id))
}
