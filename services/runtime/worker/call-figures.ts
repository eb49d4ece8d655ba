/** Tokens and cost of a run's call, priced when it ends (runtime spec 5). Partial usage is kept and priced too. */
import { getModelPrice } from '@mogplex/proto/identity.ts'
import { sql } from 'drizzle-orm'
import type { PgUpdateSetSource } from 'drizzle-orm/pg-core'
import { type AgentRun, aiCalls } from '../database/schema.ts'
import type { HarnessUsage } from '../harnesses/harness.ts'
import { costOf, totalTokensOf } from '../usage/cost.ts'
import type { RunDeps } from './deps.ts'
import type { HarnessResult } from './run-harness.ts'

export interface CallFigures {
  columns: PgUpdateSetSource<typeof aiCalls>
  usage: Omit<HarnessUsage, 'reportedCostUsd'>
  /** USD; null: unknown. */
  costUsd: number | null
}

/** Never throws: a price that cannot be had leaves the cost unknown. */
export async function callFigures(
  run: AgentRun,
  result: HarnessResult,
  deps: Pick<RunDeps, 'ask' | 'log'>,
): Promise<CallFigures> {
  const { reportedCostUsd, ...usage } = result.usage
  const price = result.model ? await priceOf(result.model, run, deps) : null
  const cost = costOf(result.usage, price)
  return {
    usage,
    costUsd: cost.costUsd === null ? null : Number(cost.costUsd),
    columns: {
      ...usage,
      totalTokens: totalTokensOf(result.usage),
      costUsd: cost.costUsd,
      costSource: cost.source,
      ...(result.sessionId ? { metadata: withSession(result.sessionId) } : {}),
      ...(result.model ? { model: result.model } : {}),
    },
  }
}

async function priceOf(modelId: string, run: AgentRun, { ask, log }: Pick<RunDeps, 'ask' | 'log'>) {
  try {
    return await ask(getModelPrice, { modelId }, { userId: run.userId })
  } catch (err) {
    log.warn({ event: 'run.unpriced', runId: run.id, err })
    return null
  }
}

function withSession(sessionId: string) {
  return sql`${aiCalls.metadata} || ${JSON.stringify({ session_id: sessionId })}::jsonb`
}
