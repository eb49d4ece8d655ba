/**
 * Identity's side of the caller cache (design, "Caller cache with strict revocation"): grants leases, and
 * tells their holders what to drop.
 */
import { type Answer, answer } from '@mogplex/kit/bus/answer.ts'
import type { Bus } from '@mogplex/kit/bus/connect.ts'
import type { Database } from '@mogplex/kit/database/connect.ts'
import { isUuid } from '@mogplex/kit/validation.ts'
import { DROPPED, dropSubject, releaseLease, renewLease } from '@mogplex/proto/gateway-leases.ts'
import { listHolders, refuseRenewal, release, renew } from './store.ts'
import { tellHolder } from './tell-holder.ts'

/**
 * Resolves when no gateway uses an answer about any of `ids` (of tokens, sessions, users) any more: every
 * holder of a lease has acknowledged, or its lease has run out, 10 s at most. To be called after the commit
 * that ended them, and awaited before whoever asked for it is answered; also when it turned out to have been
 * ended before, because that earlier answer may never have been given.
 */
export type DropAtGateways = (ids: readonly string[]) => Promise<void>

export interface GatewayLeases {
  answers: Answer[]
  dropAtGateways: DropAtGateways
}

const TELL_TIMEOUT_MS = 1_000
const PAUSE_MS = 200

export function createGatewayLeases(kit: { database: Database; bus: Bus }): GatewayLeases {
  const { database, bus } = kit
  return {
    answers: [
      answer(renewLease, async ({ gatewayId }) => {
        // Whom no order reaches gets no lease: else whoever ends a credential would have to wait for it.
        const isReachable = await tell(bus, gatewayId, [])
        return { term: isReachable ? await renew(database, gatewayId) : null }
      }),
      answer(releaseLease, async ({ gatewayId }) => {
        await release(database, gatewayId)
        return {}
      }),
    ],
    dropAtGateways: async given => {
      const ids = given.filter(isUuid).map(id => id.toLowerCase())
      if (ids.length === 0) return
      const holders = await listHolders(database)
      await Promise.all(
        holders.map(holder =>
          tellHolder({
            tell: () => tell(bus, holder.gatewayId, ids),
            refuseRenewal: () => refuseRenewal(database, holder),
            pause: () => Bun.sleep(PAUSE_MS),
          }),
        ),
      )
    },
  }
}

/**
 * For a process that has the database and nothing else, like the operator's commands: resolves when no
 * gateway uses any answer any more that was given before. Takes as long as the leases still run, 7 s at
 * most; afterwards the gateways begin anew. To be called after the commit.
 */
export async function letLeasesRunOut(database: Database): Promise<void> {
  const holders = await listHolders(database)
  const untold = { tell: async () => false, pause: () => Bun.sleep(PAUSE_MS) }
  await Promise.all(
    holders.map(holder => tellHolder({ ...untold, refuseRenewal: () => refuseRenewal(database, holder) })),
  )
}

/** True when the gateway acknowledged; nobody else hears the order, so nobody else can. */
async function tell(bus: Bus, gatewayId: string, ids: string[]): Promise<boolean> {
  const connection = bus.connection()
  if (!connection) return false
  try {
    const order = JSON.stringify({ ids })
    const reply = await connection.request(dropSubject(gatewayId), order, { timeout: TELL_TIMEOUT_MS })
    return reply.string() === DROPPED
  } catch {
    // Nobody listens, too late, or the connection broke: not acknowledged, which is the answer.
    return false
  }
}
