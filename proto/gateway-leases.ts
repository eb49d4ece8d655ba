/**
 * The lease under which a gateway may use answers of identity again, and the order to drop them (design,
 * "Caller cache with strict revocation"; docs/guarantees.md says what both promise together).
 */
import { Type } from '@sinclair/typebox'
import { ask } from './contract.ts'
import { GATEWAY_ISSUER } from './services.ts'

/** How long a lease is good for the gateway, counted from when it *sent* the renewal. */
export const LEASE_MS = 5_000
export const RENEW_EVERY_MS = 2_000
/** How long identity counts with it, from when it granted the renewal: longer, come what may. */
export const LEASE_AT_IDENTITY_MS = 7_000
/** An answer is used for at most this long, so that idle extension, rotation and `last_used_at` go on. */
export const MAX_ANSWER_AGE_MS = 60_000

/** One gateway process; a new one each time it starts. Part of a subject, so it must be nothing else. */
const GatewayId = Type.String({ pattern: '^[0-9a-f-]{36}$' })

/**
 * `term` null: no lease. It stays the same as long as the lease never ran out in identity's eyes; with
 * another one, whatever was kept under an earlier one may be stale.
 */
export const renewLease = ask('rpc.identity.gateway-lease.renew', {
  callers: [GATEWAY_ISSUER],
  request: Type.Object({ gatewayId: GatewayId }),
  reply: Type.Object({ term: Type.Union([Type.String(), Type.Null()]) }),
})

/** The gateway no longer uses anything it kept: nobody has to wait for it. */
export const releaseLease = ask('rpc.identity.gateway-lease.release', {
  callers: [GATEWAY_ISSUER],
  request: Type.Object({ gatewayId: GatewayId }),
  reply: Type.Object({}),
})

/** Where all gateways are told to drop answers; only they may listen, so that only they can acknowledge. */
export const ALL_DROP_SUBJECTS = 'gateway-lease.drop.*'

/** Where one gateway is told. */
export function dropSubject(gatewayId: string): string {
  return `gateway-lease.drop.${gatewayId}`
}

/** Ids of credentials (tokens, sessions) and of users; whatever was answered about any of them is stale. */
export const DropOrder = Type.Object({ ids: Type.Array(Type.String()) })

/** The acknowledgement: from now on nothing of it is used. */
export const DROPPED = 'dropped'
