/** The rules of gateway leases as identity counts them: plain functions over a row and a time. */
import { LEASE_AT_IDENTITY_MS } from '@mogplex/proto/gateway-leases.ts'

export interface LeaseRow {
  term: string
  /** ms of the database's clock, like every `now` here. */
  expiresAt: number
  isRenewable: boolean
}

export function isRunning({ expiresAt }: LeaseRow, now: number): boolean {
  return now < expiresAt
}

/**
 * The row after a renewal, null when it is refused: the holder did not acknowledge an order while its lease
 * ran, so that somebody waits for the lease to run out. A lease that had run out begins anew with `newTerm`,
 * by which the gateway knows that it may have missed orders.
 */
export function renewed(row: LeaseRow | null, newTerm: string, now: number): LeaseRow | null {
  const expiresAt = now + LEASE_AT_IDENTITY_MS
  if (row === null || !isRunning(row, now)) return { term: newTerm, expiresAt, isRenewable: true }
  if (!row.isRenewable) return null
  return { term: row.term, expiresAt: Math.max(row.expiresAt, expiresAt), isRenewable: true }
}
