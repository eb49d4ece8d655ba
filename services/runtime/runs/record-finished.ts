/** Tells the other services that a run has ended. */
import type { Transaction } from '@mogplex/kit/database/connect.ts'
import { recordEvent } from '@mogplex/kit/outbox/record.ts'
import { runFinished } from '@mogplex/proto/runtime.ts'
import { type AgentRun, outbox } from '../database/schema.ts'

/** In the transaction that ends it. */
export function recordFinished(
  tx: Transaction,
  run: AgentRun,
  end: { status: AgentRun['status']; failureCode: AgentRun['failureCode'] },
): Promise<void> {
  const { id: runId, repoId, harness, userId, requestId } = run
  const payload = { runId, repoId, harness, status: end.status, failureCode: end.failureCode }
  return recordEvent(tx, outbox, { event: runFinished, userId, requestId, payload })
}
