/** How many runs a user may start (v1 contract 3, "run start"; runtime spec 1). Plain rules, no storage. */

export const RUN_START_ROUTE_KEY = 'external_agent_run'

const RATE_MESSAGE = 'External Mogplex run rate limit exceeded'
const QUOTA_MESSAGE = 'Daily external Mogplex run quota exceeded'

interface BudgetWindow {
  seconds: number
  limit: number
  /** Recorded with the denial. */
  reason: string
  message: string
}

/** Tested in this order. */
export const RUN_START_WINDOWS: readonly BudgetWindow[] = [
  { seconds: 60, limit: 10, reason: 'external_agent_run_minutely_rate_exceeded', message: RATE_MESSAGE },
  { seconds: 3_600, limit: 30, reason: 'external_agent_run_hourly_rate_exceeded', message: RATE_MESSAGE },
  { seconds: 86_400, limit: 150, reason: 'external_agent_run_daily_quota_exceeded', message: QUOTA_MESSAGE },
]

/** What is older counts in no window. */
export const LONGEST_WINDOW_SECONDS = Math.max(...RUN_START_WINDOWS.map(({ seconds }) => seconds))

/** The admitted starts within one window, up to now. */
export interface WindowUse {
  count: number
  /** Epoch milliseconds; null when there are none. */
  oldestMs: number | null
}

export interface BudgetDenial {
  reason: string
  message: string
  retryAfterSeconds: number
}

/** The first window that is full, or null when one more run may start. `uses` go with the windows. */
export function deniedBy(uses: readonly WindowUse[], nowMs: number): BudgetDenial | null {
  for (const [index, { seconds, limit, reason, message }] of RUN_START_WINDOWS.entries()) {
    const use = uses[index]
    if (!use || use.count < limit) continue
    const freeAtMs = (use.oldestMs ?? nowMs) + seconds * 1000
    return { reason, message, retryAfterSeconds: Math.max(1, Math.ceil((freeAtMs - nowMs) / 1000)) }
  }
  return null
}
