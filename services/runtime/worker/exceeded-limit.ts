/** A run whose sandbox was ended for a limit says so, whatever failed first because of it. */
import { failedOutcome, type RunOutcome } from '../runs/transitions.ts'
import type { Claim } from './claim.ts'
import type { RunDeps } from './deps.ts'
import { stageEvent } from './event-mapping.ts'

/** The outcome as it is unless it is a failure of this kind. What the agent had used by then is kept. */
export function nameExceededLimit(
  outcome: RunOutcome | null,
  { sandbox }: Claim,
  { provider }: Pick<RunDeps, 'provider'>,
): RunOutcome | null {
  const reason = outcome?.status === 'failed' ? provider.exceeded(sandbox.id) : null
  if (!outcome || !reason) return outcome
  const { limit, message } = reason
  const event = stageEvent('sandbox', message, { level: 'error', limit })
  return {
    ...outcome,
    ...failedOutcome({ code: 'sandbox_lost', message }),
    eventsBefore: [...(outcome.eventsBefore ?? []), event],
  }
}
