/** Ends a session because its user asked for it. */
import type { Database } from '@mogplex/kit/database/connect.ts'
import { type Requester, recordAudit } from '../audit/entry.ts'
import { revokeSession } from './store.ts'

export interface Ending {
  /** The session's. */
  id: string
  type: 'user.signed-out' | 'session.revoked'
}

/** False when the user has no such live session. */
export function endSession(
  database: Database,
  requester: Requester,
  ending: Ending,
  now: Date,
): Promise<boolean> {
  const { id, type } = ending
  return database.transaction(async tx => {
    if (!(await revokeSession(tx, requester.userId, id, now))) return false
    await recordAudit(tx, { type, by: requester, subject: { id: id.toLowerCase() }, now })
    return true
  })
}
