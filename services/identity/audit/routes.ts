/** `/api/settings/audit`: one's own trail, newest first, in pages. */
import { userIdOf } from '@mogplex/kit/http/request-context.ts'
import { clampLimit } from '@mogplex/kit/limit.ts'
import type * as wire from '@mogplex/proto/wire/settings.ts'
import { AUDIT_PAGE } from '@mogplex/proto/wire/values.ts'
import { Elysia } from 'elysia'
import type { AuditEntry } from '../database/schema.ts'
import type { IdentityKit } from '../environment.ts'
import { decodeCursor, encodeCursor } from './cursor.ts'
import { listEntries } from './store.ts'

/** `{"entries":[…],"nextCursor"}`; `nextCursor` is null on the last page, also when that is full. */
export function auditRoutes({ context, database }: IdentityKit) {
  return new Elysia({ name: 'audit' })
    .use(context)
    .get('/api/settings/audit', async ({ context: from, request }) => {
      const userId = userIdOf(from)
      const query = new URL(request.url).searchParams
      const limit = clampLimit(query.get('limit'), AUDIT_PAGE)
      const before = decodeCursor(query.get('cursor'))
      // One more than shown tells whether another page follows.
      const found = await listEntries(database, userId, { before, limit: limit + 1 })
      const page = found.slice(0, limit)
      const last = page.at(-1)
      return {
        entries: page.map(presentEntry),
        nextCursor: last && found.length > limit ? encodeCursor(last) : null,
      }
    })
}

function presentEntry({
  id,
  type,
  at,
  ip,
  userAgent,
  subjectId,
  subjectPrefix,
}: AuditEntry): wire.AuditEntry {
  return {
    id,
    type,
    at: at.toISOString(),
    ip,
    userAgent,
    subject: subjectId === null ? null : { id: subjectId, prefix: subjectPrefix },
  }
}
