/** The database connection of a service: one role, one schema (design, "Between services"). */
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

/** Postgres' code for a broken unique constraint. */
const UNIQUE_VIOLATION = '23505'

/** The name of the unique constraint that `error` (or its cause) reports as broken, else null. */
export function brokenUniqueConstraint(error: unknown): string | null {
  if (error instanceof postgres.PostgresError && error.code === UNIQUE_VIOLATION)
    return error.constraint_name ?? ''
  return error instanceof Error && error.cause !== undefined ? brokenUniqueConstraint(error.cause) : null
}
