/** A run as v1 sends it (v1 contract 7.8, schema `Run`). */
import type { Run } from '@mogplex/proto/wire/runs.ts'
import type { AiCall } from '../database/schema.ts'
import { sanitiseText } from '../events/sanitise.ts'
import type { RunView } from './store.ts'

const RUNS_PATH = '/api/v1/mogplex/runs'

export function presentRun({ run, call, sandboxId, leftovers }: RunView): Run {
  return {
    runId: run.id,
    aiCallId: run.aiCallId,
    sandboxRecordId: run.sandboxRecordId,
    sandboxId,
    repoId: run.repoId,
    harness: run.harness,
    status: run.status,
    branch: { base: run.baseBranch, working: run.workingBranch, createBranch: run.createBranch },
    rootDirectory: run.rootDirectory,
    eventsUrl: `${RUNS_PATH}/${run.id}/events`,
    cancelUrl: `${RUNS_PATH}/${run.id}/cancel`,
    createdAt: run.createdAt.toISOString(),
    updatedAt: run.updatedAt.toISOString(),
    error: run.status === 'failed' && run.error !== null ? sanitiseText(run.error) : null,
    delivery: run.delivery,
    leftovers,
    usage: call ? presentUsage(call) : null,
    runtime: { provider: 'worker', runId: run.workItemId },
  }
}

/** Null until anything is known; a single null class was not reported, which is not zero. */
function presentUsage(call: AiCall): Run['usage'] {
  const usage = {
    inputTokens: call.inputTokens,
    outputTokens: call.outputTokens,
    cacheReadInputTokens: call.cacheReadInputTokens,
    cacheCreationInputTokens: call.cacheCreationInputTokens,
    reasoningTokens: call.reasoningTokens,
    costUsd: call.costUsd === null ? null : Number(call.costUsd),
  }
  return Object.values(usage).some(figure => figure !== null) ? usage : null
}
