/**
 * What other services tell that ends work here (runtime spec 13): a deleted repo cancels its runs and gives
 * up its sandboxes, a disabled user's runs are all cancelled.
 */
import type { Listener } from '@mogplex/kit/bus/listen.ts'
import type { Transaction } from '@mogplex/kit/database/connect.ts'
import { runtimeRepoDeleted, runtimeUserDisabled } from '@mogplex/proto/facts.ts'
import { and, eq, inArray, isNull, type SQL } from 'drizzle-orm'
import { agentRuns, sandboxes } from '../database/schema.ts'
import { appendEvents, newEvent } from '../events/append.ts'

export const obsoleteRunListeners: Listener[] = [
  {
    reader: runtimeRepoDeleted,
    handle: async (tx, { userId, payload }) => {
      const repoId = String(payload.repoId)
      if (!userId) return
      await requestCancel(tx, and(eq(agentRuns.userId, userId), eq(agentRuns.repoId, repoId)))
      await retireSandboxes(tx, userId, repoId)
    },
  },
  {
    reader: runtimeUserDisabled,
    handle: async (tx, { userId }) => {
      if (userId) await requestCancel(tx, eq(agentRuns.userId, userId))
    },
  },
]

/** Marks the runs; their workers, or the reaper where there is none, end them. */
async function requestCancel(tx: Transaction, which: SQL | undefined): Promise<void> {
  const runs = await tx
    .update(agentRuns)
    .set({ controlState: 'cancel_requested', updatedAt: new Date() })
    .where(and(which, inArray(agentRuns.status, ['pending', 'streaming']), isNull(agentRuns.controlState)))
    .returning()
  for (const run of runs) {
    await appendEvents(tx, run.aiCallId, [
      newEvent('cancel_requested', {
        message: 'Cancellation requested: the repo or the user is gone',
        payload: { external_run_id: run.id, runtime_command_id: run.workItemId },
      }),
    ])
  }
}

/** The reaper stops them once they rest, and removes their files. */
async function retireSandboxes(tx: Transaction, userId: string, repoId: string): Promise<void> {
  await tx
    .update(sandboxes)
    .set({ isRetired: true })
    .where(and(eq(sandboxes.userId, userId), eq(sandboxes.repoId, repoId)))
}
