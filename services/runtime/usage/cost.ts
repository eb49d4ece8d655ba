/** What a call's tokens cost (runtime spec 5). Pure: the price is looked up by the caller. */
import type { HarnessUsage } from '../harnesses/harness.ts'

/** USD per token; null or absent: not known. */
export interface TokenPrice {
  input: number | null
  output: number | null
  /** Default: a tenth of `input`. */
  cacheRead?: number | null
  /** Default: one and a quarter of `input`. */
  cacheCreation?: number | null
}

export interface CallCost {
  /** USD with eight decimals, as numeric(14,8) stores it; null: unknown, which is not zero. */
  costUsd: string | null
  /** Where the figure comes from; null exactly when it is unknown. */
  source: 'computed' | 'harness' | null
}

const DECIMALS = 8
/** numeric(14,8) holds six digits before the point; no call costs that much. */
const COST_LIMIT_USD = 1_000_000

/** The computed cost where the model is priced, else what the CLI itself reported, else unknown. */
export function costOf(usage: HarnessUsage, price: TokenPrice | null): CallCost {
  const computed = stored(price && computedCost(usage, price))
  if (computed !== null) return { costUsd: computed, source: 'computed' }
  const reported = stored(usage.reportedCostUsd)
  return { costUsd: reported, source: reported === null ? null : 'harness' }
}

/** Sum of the four disjoint token classes; 0 when none was reported. */
export function totalTokensOf(usage: HarnessUsage): number {
  return (
    (usage.inputTokens ?? 0) +
    (usage.cacheReadInputTokens ?? 0) +
    (usage.cacheCreationInputTokens ?? 0) +
    (usage.outputTokens ?? 0)
  )
}

/** Null when no class was reported, or one has tokens but no rate. */
function computedCost(usage: HarnessUsage, price: TokenPrice): number | null {
  const { input } = price
  const classes: [tokens: number | null, rate: number | null][] = [
    [usage.inputTokens, input],
    [usage.cacheReadInputTokens, price.cacheRead ?? scaled(input, 0.1)],
    [usage.cacheCreationInputTokens, price.cacheCreation ?? scaled(input, 1.25)],
    [usage.outputTokens, price.output],
  ]
  const reported = classes.filter(([tokens]) => tokens !== null)
  if (reported.length === 0) return null
  // Without any rate the model is unpriced, even if nothing was used of it.
  if (classes.every(([, rate]) => rate === null)) return null
  let cost = 0
  for (const [tokens, rate] of reported) {
    if (!tokens) continue
    if (rate === null) return null
    cost += tokens * rate
  }
  return cost
}

function scaled(rate: number | null, factor: number): number | null {
  return rate === null ? null : rate * factor
}

function stored(cost: number | null): string | null {
  if (cost === null || !Number.isFinite(cost) || cost < 0) return null
  const text = cost.toFixed(DECIMALS)
  return Number(text) < COST_LIMIT_USD ? text : null
}
