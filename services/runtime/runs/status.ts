/** The states of runs and calls (v1 contract 8). */
import type { RunStatus } from '../database/schema.ts'

/** A run or call in one of these never changes again. */
export const TERMINAL_STATUSES: readonly RunStatus[] = ['success', 'failed', 'cancelled']

export function isTerminal(status: RunStatus): boolean {
  return TERMINAL_STATUSES.includes(status)
}
