/**
 * After a run its sandbox is paused: the files stay for the next run of the branch, the slot is free (spec
 * README, 29). In two steps, so that no other run can enter while processes are being ended: `pausing` is
 * written with the run's ending, `paused` once nothing runs any more.
 */
import type { Transaction } from '@mogplex/kit/database/connect.ts'
import type { Sandbox } from '../database/schema.ts'
import { changeSandbox, changeSandboxWithin } from '../sandboxes/lifecycle.ts'
import { staysExceeded } from '../sandboxes/provider.ts'
import type { Claim } from './claim.ts'
import type { RunDeps } from './deps.ts'

/** Call it in the transaction that ends or gives back the run. */
export function beginRest(tx: Transaction, claim: Claim): Promise<Sandbox | null> {
  return changeSandboxWithin(tx, claim.sandbox.id, {
    from: ['creating', 'installing', 'running'],
    to: 'pausing',
    workerRunId: claim.run.id,
  })
}

/** Ends every process first: no compute outlives the record that says it rests. */
export async function finishRest(
  sandbox: Sandbox,
  workerRunId: string,
  { database, provider }: Pick<RunDeps, 'database' | 'provider'>,
): Promise<void> {
  const from = ['pausing' as const]
  const reason = provider.exceeded(sandbox.id)
  if (sandbox.sandboxId && reason && staysExceeded(reason)) {
    // Kept, it would end every next run on its branch. What the agent left in it goes, and the run has said so.
    await provider.pause(sandbox.sandboxId)
    const change = { from, to: 'stopped' as const, stopReason: 'unknown', error: reason.message, workerRunId }
    await changeSandbox(database, sandbox.id, change)
  } else if (sandbox.sandboxId) {
    await provider.pause(sandbox.sandboxId)
    await changeSandbox(database, sandbox.id, { from, to: 'paused', stopReason: 'auto_pause', workerRunId })
  } else {
    // It was never allocated: there is nothing to come back to.
    await changeSandbox(database, sandbox.id, { from, to: 'stopped', stopReason: 'unknown', workerRunId })
  }
}
