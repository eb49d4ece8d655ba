/**
 * The database connection of a service: one role, one schema (design, "Between services").
 *
 * The driver is patched (`patches/`): in 3.4.9 a connection that closed under a query could end the process
 * (porsager/postgres#1154, #1208), leave the query without an answer for ever, or let the rest of a
 * transaction run on a connection that was somebody else's by then. lost-connection.test.ts shows all three.
 */
import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js'
import postgres, { type Sql } from 'postgres'
import type { Log } from '../log.ts'

export type Database = PostgresJsDatabase
/** What `database.transaction(tx => …)` hands out; every store function takes either. */
export type Transaction = Parameters<Parameters<Database['transaction']>[0]>[0]
export type Queryable = Database | Transaction

export interface DatabaseConnection {
  database: Database
  sql: Sql
  /** True when a trivial query is answered within a second. */
  isReady: () => Promise<boolean>
  close: () => Promise<void>
}

const CONNECT_ATTEMPTS = 60
const CONNECT_RETRY_MS = 500
const STATEMENT_TIMEOUT_MS = 10_000

/** Connects, waiting up to 30 s for a server that is still starting. Throws one clear error after that. */
export async function connectDatabase(options: {
  url: string
  applicationName: string
  log: Log
  maxConnections?: number
}): Promise<DatabaseConnection> {
  const sql = postgres(options.url, {
    max: options.maxConnections ?? 10,
    idle_timeout: 300,
    connect_timeout: 5,
    backoff: reconnectDelaySeconds,
    onnotice: () => undefined,
    connection: { application_name: options.applicationName, statement_timeout: STATEMENT_TIMEOUT_MS },
  })
  await waitUntilAnswering(sql, options.log)
  return {
    database: drizzle(sql),
    sql,
    isReady: () => answersWithin(sql, 1_000),
    close: () => sql.end({ timeout: 5 }),
  }
}

/**
 * The driver's own goes up to 20 s, and counts the failures of all connections together: work would stand
 * still long after the database is back.
 */
function reconnectDelaySeconds(failures: number): number {
  return Math.min(0.05 * 2 ** failures, 1)
}

async function waitUntilAnswering(sql: Sql, log: Log): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await sql`select 1`
      return
    } catch (err) {
      if (attempt === CONNECT_ATTEMPTS)
        throw new Error('Postgres at DATABASE_URL does not answer', { cause: err })
      if (attempt === 1) log.warn({ event: 'database.waiting', err })
      await Bun.sleep(CONNECT_RETRY_MS)
    }
  }
}

async function answersWithin(sql: Sql, limitMs: number): Promise<boolean> {
  const query = sql`select 1`.then(
    () => true,
    () => false,
  )
  return Promise.race([query, Bun.sleep(limitMs).then(() => false)])
}

/** Connections refused, cut or closed; the codes of Node's sockets and of the driver. */
const CONNECTION_LOST = /^(CONNECT|ECONN|EPIPE|ENOTCONN|ENOENT$|ETIMEDOUT|ERR_SOCKET|SOCKET)/
/** Postgres' classes: connection, serialisation, resources, operator (also a start or stop under way). */
const PASSING_CLASS = /^(08|40|53|57)/
/** Of the operator's class, but said of one statement: it ran longer than `statement_timeout`. */
const QUERY_CANCELED = '57014'

/**
 * True when `error` (or its cause) says nothing about the statement, only that the database could not do it
 * now. Whether it was done all the same is open: a commit's answer may have been what was lost.
 */
export function isDatabaseAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (error instanceof postgres.PostgresError)
    return PASSING_CLASS.test(error.code) && error.code !== QUERY_CANCELED
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return CONNECTION_LOST.test(code) || (error.cause !== undefined && isDatabaseAway(error.cause))
}

/**
 * True when Postgres gave the statement up because it took too long: it is too much, or waits for a lock. Nothing
 * of it was done. Unlike an outage it may never pass, so whoever tries again must count.
 */
export function isStatementTimeout(error: unknown): boolean {
  if (error instanceof postgres.PostgresError) return error.code === QUERY_CANCELED
  return error instanceof Error && error.cause !== undefined && isStatementTimeout(error.cause)
}

/** Postgres' code for a broken unique constraint. */
const UNIQUE_VIOLATION = '23505'

/** The name of the unique constraint that `error` (or its cause) reports as broken, else null. */
export function brokenUniqueConstraint(error: unknown): string | null {
  if (error instanceof postgres.PostgresError && error.code === UNIQUE_VIOLATION)
    return error.constraint_name ?? ''
  return error instanceof Error && error.cause !== undefined ? brokenUniqueConstraint(error.cause) : null
}
