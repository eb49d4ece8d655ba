/**
 * Trees that are closed before anything is matched in them: an unknown path below looks like a known one to
 * whoever lacks the secret (gateway spec 4, "System").
 */
import type { Caller } from './callers/caller.ts'
import type { Exchange, GatewayRow } from './exchange.ts'

/** Resolves with the caller whom a gate lets in; throws the answer to anybody else. */
export type Gate = (exchange: Exchange) => Promise<Caller>

export type Gates = Record<'cron' | 'testonly', Gate>

export type GateName = keyof Gates

/** The gate in front of a path, or of a row elsewhere whose class is the same; null in the usual case. */
export function gateOf(segments: readonly string[], row: GatewayRow | undefined): GateName | null {
  const [first, second] = segments
  if (first === 'api' && second === 'cron') return 'cron'
  if (first === 'api' && second === 'test') return 'testonly'
  if (!row || 'answeredBy' in row) return null
  return row.access === 'cron' || row.access === 'testonly' ? row.access : null
}
