/** What tests of retention share: rows of the past, and by which index Postgres finds them. */
import { getTableName, sql } from 'drizzle-orm'
import type { Database } from '../database/connect.ts'
import { firstIdAt, newId } from '../ids.ts'
import { removeBatch } from '../retention/prune.ts'
import type { RetentionRule } from '../retention/rule.ts'

const DAY_MS = 86_400_000
const MINUTE_MS = 60_000

/** An id as `newId()` gave it at `date`. */
export function idMadeAt(date: Date): string {
  return firstIdAt(date).slice(0, 14) + newId().slice(14)
}

/** A minute on either side of `days` ago: what is older goes, what is younger stays. */
export function bothSidesOf(days: number): { older: Date; younger: Date } {
  const limit = Date.now() - days * DAY_MS
  return { older: new Date(limit - MINUTE_MS), younger: new Date(limit + MINUTE_MS) }
}

const AVOIDED = ['enable_seqscan', 'enable_bitmapscan', 'enable_sort']

interface Plan {
  'Node Type': string
  'Index Name'?: string
  'Index Cond'?: string
  Plans?: Plan[]
}

/**
 * One line a rule, `table by index`: the index whose conditions find the rows, in their order. A rule
 * without one reads as `table by nothing`. Small tables are what Postgres likes to read whole and to sort, so it
 * is told to avoid that, unless `how` says not to.
 */
export function indexesOf(
  database: Database,
  rules: RetentionRule[],
  how: 'forced' | 'unasked' = 'forced',
): Promise<string[]> {
  return database.transaction(async tx => {
    for (const way of how === 'forced' ? AVOIDED : []) await tx.execute(sql.raw(`set local ${way} = off`))
    const lines: string[] = []
    for (const rule of rules) {
      const statement = removeBatch(tx, rule, 100).getSQL()
      const [row] = await tx.execute<{ 'QUERY PLAN': { Plan: Plan }[] }>(
        sql`explain (format json) ${statement}`,
      )
      const nodes = (row?.['QUERY PLAN'] ?? []).flatMap(({ Plan }) => allNodes(Plan))
      const readsAll = nodes.some(node => /Seq Scan|Sort/.test(node['Node Type']))
      const index = nodes.find(node => node['Index Cond'])?.['Index Name']
      lines.push(`${getTableName(rule.table)} by ${readsAll || !index ? 'nothing' : index}`)
    }
    return lines
  })
}

function allNodes(plan: Plan): Plan[] {
  return [plan, ...(plan.Plans ?? []).flatMap(allNodes)]
}
