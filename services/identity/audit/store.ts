/** The SQL of the trail. */
import type { Queryable } from '@mogplex/kit/database/connect.ts'
import { and, desc, eq, lt, or } from 'drizzle-orm'
import { type AuditEntry, auditEntries } from '../database/schema.ts'
import type { Position } from './cursor.ts'

/** The user's newest `limit` entries older than `before`, which need not exist any more. */
export function listEntries(
  db: Queryable,
  userId: string,
  { before, limit }: { before: Position | null; limit: number },
): Promise<AuditEntry[]> {
  const isOlder =
    before === null
      ? undefined
      : or(
          lt(auditEntries.at, before.at),
          and(eq(auditEntries.at, before.at), lt(auditEntries.id, before.id)),
        )
  return db
    .select()
    .from(auditEntries)
    .where(and(eq(auditEntries.userId, userId), isOlder))
    .orderBy(desc(auditEntries.at), desc(auditEntries.id))
    .limit(limit)
}
