/** The SQL of gateway leases. Every time in it is the database's, so that replicas agree. */
import type { Database } from '@mogplex/kit/database/connect.ts'
import { newId } from '@mogplex/kit/ids.ts'
import { and, eq, sql } from 'drizzle-orm'
import { gatewayLeases } from '../database/schema.ts'
import { renewed } from './lease.ts'

/** A lease as somebody who has to be told. */
export interface Holder {
  gatewayId: string
  term: string
}

/** `now()` would be the transaction's beginning, and a renewal could then seem older than it is. */
const isRunningInSql = sql`${gatewayLeases.expiresAt} > clock_timestamp()`
const CLOCK_MS = sql<number>`(extract(epoch from clock_timestamp()) * 1000)::float8`

/** Resolves with the term of the renewed lease, null when the renewal is refused. */
export function renew(database: Database, gatewayId: string): Promise<string | null> {
  return database.transaction(async tx => {
    const ranOut = { term: newId(), expiresAt: new Date(0), isRenewable: true }
    await tx
      .insert(gatewayLeases)
      .values({ gatewayId, ...ranOut })
      .onConflictDoNothing()
    const { term, expiresAt, isRenewable } = gatewayLeases
    const [row] = await tx
      .select({ term, expiresAt, isRenewable, now: CLOCK_MS })
      .from(gatewayLeases)
      .where(eq(gatewayLeases.gatewayId, gatewayId))
      .for('update')
    if (!row) return null
    const next = renewed({ ...row, expiresAt: row.expiresAt.getTime() }, newId(), row.now)
    if (!next) return null
    await tx
      .update(gatewayLeases)
      .set({ ...next, expiresAt: new Date(next.expiresAt) })
      .where(eq(gatewayLeases.gatewayId, gatewayId))
    return next.term
  })
}

/** Ends a lease whose holder uses nothing any more. */
export async function release(database: Database, gatewayId: string): Promise<void> {
  await database.delete(gatewayLeases).where(eq(gatewayLeases.gatewayId, gatewayId))
}

/** Everybody who may be using our answers. To be read after the commit that makes some of them stale. */
export function listHolders(database: Database): Promise<Holder[]> {
  const { gatewayId, term } = gatewayLeases
  return database.select({ gatewayId, term }).from(gatewayLeases).where(isRunningInSql)
}

/** Lets the lease run out; false when it has, also when the gateway has begun another one since. */
export async function refuseRenewal(database: Database, { gatewayId, term }: Holder): Promise<boolean> {
  const refused = await database
    .update(gatewayLeases)
    .set({ isRenewable: false })
    .where(and(eq(gatewayLeases.gatewayId, gatewayId), eq(gatewayLeases.term, term), isRunningInSql))
    .returning({ gatewayId: gatewayLeases.gatewayId })
  return refused.length > 0
}
