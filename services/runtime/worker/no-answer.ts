/** A CLI that took the prompt for something to do by itself ends well, though nothing was done. */
import type { Harness, HarnessFailure } from '../harnesses/harness.ts'
import type { HarnessResult } from './run-harness.ts'

/** What a run failed of that ended well without a single turn of a model; null when there was one, or no model to ask. */
export function missingAnswer(
  { hasAnswer }: Pick<HarnessResult, 'hasAnswer'>,
  { credentialProviders }: Pick<Harness, 'credentialProviders'>,
): HarnessFailure | null {
  if (hasAnswer || credentialProviders.length === 0) return null
  return {
    code: 'command_failed',
    message: 'The agent ended without a single answer from its model, so nothing was done',
  }
}
