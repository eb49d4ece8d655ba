/**
 * How long identity's rows are kept, beside those of messages. Trips to GitHub go when the next one begins
 * (github/state.ts). Tokens that expired are listed until their user deletes them (identity spec 6).
 */
import { isMadeBefore, isOlderThan, keptFor, type RetentionRule } from '@mogplex/kit/retention/rule.ts'
import { and } from 'drizzle-orm'
import { ABSOLUTE_LIFE_DAYS } from '../sessions/lifetime.ts'
import { auditEntries, cliGrants, gatewayLeases, sessions, userApiKeys } from './schema.ts'

/** After the end a session has however much it is used: no token of it can mean anything any more. */
export const SESSIONS_KEPT_DAYS = 1
/** After the consent expired. It could be answered no more at once; its nonce is refused for so long. */
export const CLI_GRANTS_KEPT_DAYS = 30
/** After a token was revoked: for an operator who looks into what was done with it. */
export const REVOKED_KEYS_KEPT_DAYS = 30
/** After the lease of a gateway ran out that did not release it. */
export const GATEWAY_LEASES_KEPT_DAYS = 1

/** `auditDays` is the setting `AUDIT_RETENTION_DAYS`; 0 keeps the audit trail for ever. */
export function identityRetention(auditDays: number): RetentionRule[] {
  const audit = keptFor(auditDays, { table: auditEntries, id: auditEntries.id, since: auditEntries.at })
  return [
    ...(auditDays === 0 ? [] : [audit]),
    {
      table: sessions,
      isDue: () =>
        and(
          isMadeBefore(sessions.id, ABSOLUTE_LIFE_DAYS + SESSIONS_KEPT_DAYS),
          isOlderThan(sessions.absoluteExpiresAt, SESSIONS_KEPT_DAYS),
        ),
      oldestFirst: [sessions.id],
    },
    keptFor(CLI_GRANTS_KEPT_DAYS, { table: cliGrants, id: cliGrants.jti, since: cliGrants.expiresAt }),
    {
      table: userApiKeys,
      isDue: () => isOlderThan(userApiKeys.revokedAt, REVOKED_KEYS_KEPT_DAYS),
      oldestFirst: [userApiKeys.revokedAt],
    },
    {
      // No index: there is a row for each gateway, which renews it every two seconds.
      table: gatewayLeases,
      isDue: () => isOlderThan(gatewayLeases.expiresAt, GATEWAY_LEASES_KEPT_DAYS),
      oldestFirst: [gatewayLeases.expiresAt],
    },
  ]
}
