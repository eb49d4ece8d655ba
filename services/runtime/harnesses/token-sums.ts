/** Adding up reported usage; null stays null until something is reported (runtime spec 5). */
import type { HarnessUsage } from './harness.ts'

export function noUsage(): HarnessUsage {
  return {
    inputTokens: null,
    outputTokens: null,
    cacheReadInputTokens: null,
    cacheCreationInputTokens: null,
    reasoningTokens: null,
    reportedCostUsd: null,
  }
}

export function sumOf(one: HarnessUsage, other: HarnessUsage): HarnessUsage {
  return {
    inputTokens: add(one.inputTokens, other.inputTokens),
    outputTokens: add(one.outputTokens, other.outputTokens),
    cacheReadInputTokens: add(one.cacheReadInputTokens, other.cacheReadInputTokens),
    cacheCreationInputTokens: add(one.cacheCreationInputTokens, other.cacheCreationInputTokens),
    reasoningTokens: add(one.reasoningTokens, other.reasoningTokens),
    reportedCostUsd: add(one.reportedCostUsd, other.reportedCostUsd),
  }
}

function add(one: number | null, other: number | null): number | null {
  if (one === null) return other
  return other === null ? one : one + other
}
