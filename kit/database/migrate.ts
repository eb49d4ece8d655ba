/**
 * Applies a service's migrations (files made by drizzle-kit) to its own schema.
 *
 * Not drizzle's migrator: that one runs `create schema` first, which a role without rights on the database
 * may not, and takes no lock, so two starting replicas would collide.
 */
import { readMigrationFiles } from 'drizzle-orm/migrator'
import type { Sql } from 'postgres'

/** Any constant works, as long as every replica of every service takes the same kind of lock. */
const LOCK_CLASS = 4_871

/** Runs what has not run yet, each file in one transaction with its mark, one replica at a time. */
export async function migrate(sql: Sql, options: { schema: string; folder: string }): Promise<void> {
  const migrations = readMigrationFiles({ migrationsFolder: options.folder })
  const table = sql`${sql(options.schema)}.${sql('schema_migrations')}`
  await sql.begin(async tx => {
    await tx`select pg_advisory_xact_lock(${LOCK_CLASS}, hashtext(${options.schema}))`
    await tx`set local statement_timeout = 0`
    await tx`create table if not exists ${table} (hash text primary key, applied_at timestamptz not null default now())`
    const applied = new Set((await tx<{ hash: string }[]>`select hash from ${table}`).map(row => row.hash))
    for (const migration of migrations.filter(({ hash }) => !applied.has(hash))) {
      for (const statement of migration.sql) await tx.unsafe(statement)
      await tx`insert into ${table} (hash) values (${migration.hash})`
    }
  })
}
