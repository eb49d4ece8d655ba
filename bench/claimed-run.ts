/** A run in the middle of its work, for measurements that begin there. */
import type { Database } from '@mogplex/kit/database/connect.ts'
import { newId } from '@mogplex/kit/ids.ts'
import { agentRuns, aiCalls, sandboxes } from '../services/runtime/database/schema.ts'
import type { Claim } from '../services/runtime/worker/claim.ts'

/** Stores it with a lease that is good for `leaseSeconds`. */
export async function insertClaimedRun(database: Database, leaseSeconds: number): Promise<Claim> {
  const [callId, userId, repoId, leaseToken] = [newId(), newId(), newId(), newId()]
  const branches = { baseBranch: 'main', workingBranch: 'bench' }
  await database.insert(aiCalls).values({
    id: callId,
    userId,
    type: 'agent',
    status: 'streaming',
    model: 'harness:codex',
  })
  const [sandbox] = await database
    .insert(sandboxes)
    .values({ id: newId(), userId, repoId, provider: 'local', status: 'running', ...branches })
    .returning()
  const [run] = await database
    .insert(agentRuns)
    .values({
      id: newId(),
      userId,
      workItemId: newId(),
      aiCallId: callId,
      repoId,
      idempotencyKey: newId(),
      requestHash: 'bench',
      harness: 'codex',
      prompt: 'Say much',
      createBranch: true,
      ...branches,
      status: 'streaming',
      leaseToken,
      leaseExpiresAt: new Date(Date.now() + leaseSeconds * 1_000),
    })
    .returning()
  if (!run || !sandbox) throw new Error('the run was not stored')
  return { run, leaseToken, sandbox }
}
