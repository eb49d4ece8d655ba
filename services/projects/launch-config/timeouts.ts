/** How long a sandbox may live and idle (projects spec 2.1, 4). All in ms. */
import { numberOf } from './number.ts'

const MAX_TIMEOUT_MS = 18_000_000
const MIN_LIFETIME_MS = 600_000
const MIN_IDLE_MS = 300_000
const DEFAULT_IDLE_MS = 1_800_000

/** A repo's `sandbox_timeout_ms`: null is "as the workspace says"; what is no number is the longest. */
export function readRepoLifetime(value: unknown): number | null {
  if (value === null || value === undefined) return null
  if (typeof value === 'string' && value.trim() === '') return null
  return clamp(value, MIN_LIFETIME_MS, MAX_TIMEOUT_MS)
}

/** A workspace's `sandbox_timeout_ms`. */
export function readLifetime(value: unknown): number {
  return clamp(value, MIN_LIFETIME_MS, MAX_TIMEOUT_MS)
}

/** A workspace's `sandbox_idle_timeout_ms`. */
export function readIdleTimeout(value: unknown): number {
  return clamp(value, MIN_IDLE_MS, DEFAULT_IDLE_MS)
}

function clamp(value: unknown, min: number, fallback: number): number {
  const number = numberOf(value)
  return Number.isNaN(number) ? fallback : Math.min(Math.max(Math.floor(number), min), MAX_TIMEOUT_MS)
}

/** What a sandbox of the repo gets: the repo's lifetime before its workspace's, and no idling beyond it. */
export function effectiveTimeouts(
  repo: { sandboxTimeoutMs: number | null },
  workspace: { sandboxTimeoutMs: number; sandboxIdleTimeoutMs: number },
): { sandboxTimeoutMs: number; sandboxIdleTimeoutMs: number } {
  const sandboxTimeoutMs = repo.sandboxTimeoutMs ?? workspace.sandboxTimeoutMs
  return {
    sandboxTimeoutMs,
    sandboxIdleTimeoutMs: Math.min(workspace.sandboxIdleTimeoutMs, sandboxTimeoutMs),
  }
}
