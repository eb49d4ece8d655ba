/**
 * How long rows are kept. A rule says which rows of a table nobody needs any more; prune.ts removes them.
 *
 * Most tables have ids of `newId()`, which sort by when they were made. So the primary key finds what is old,
 * and no table pays with every insert for an index that only its clearing would use.
 */
import { and, lt, type SQL, sql } from 'drizzle-orm'
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core'
import { firstIdAt } from '../ids.ts'

export interface RetentionRule {
  table: PgTable
  /** True of the rows to remove now. An index must find them. */
  isDue: () => SQL | undefined
  /** The order of that index, so that Postgres reads no more of it than it removes. */
  oldestFirst: PgColumn[]
}

const DAY_MS = 86_400_000

/**
 * Rows stay for `days` after the time in `since`.
 *
 * @param rows.id of `newId()`, made no later than `since`; a primary key, or its last part if `which` gives the others
 * @param rows.which only these
 * @example
 * keptFor(400, { table: auditEntries, id: auditEntries.id, since: auditEntries.at })
 */
export function keptFor(
  days: number,
  { table, id, since, which }: { table: PgTable; id: PgColumn; since: PgColumn; which?: SQL },
): RetentionRule {
  return {
    table,
    isDue: () => and(which, isMadeBefore(id, days), isOlderThan(since, days)),
    oldestFirst: [id],
  }
}

/** True of ids that `newId()` gave more than `days` ago. */
export function isMadeBefore(id: PgColumn, days: number): SQL {
  return lt(id, firstIdAt(new Date(Date.now() - days * DAY_MS)))
}

/** True of times more than `days` ago, by the database's clock. */
export function isOlderThan(instant: PgColumn, days: number): SQL {
  return sql`${instant} < now() - make_interval(secs => ${days * 86_400})`
}
