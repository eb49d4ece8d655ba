/** Holds this gateway's lease with identity, and does what identity orders: the wires of the caller cache. */
import type { Closer } from '@mogplex/kit/boot/process.ts'
import type { Asker } from '@mogplex/kit/bus/ask.ts'
import type { Bus } from '@mogplex/kit/bus/connect.ts'
import type { Log } from '@mogplex/kit/log.ts'
import { matches } from '@mogplex/kit/validation.ts'
import {
  DROPPED,
  DropOrder,
  dropSubject,
  RENEW_EVERY_MS,
  releaseLease,
  renewLease,
} from '@mogplex/proto/gateway-leases.ts'
import type { KeptAnswers } from './answers.ts'
import type { Lease } from './lease.ts'

export interface KeepLeaseOptions {
  bus: Bus
  ask: Asker
  lease: Lease
  answers: Pick<KeptAnswers<unknown>, 'drop'>
  /** The lease's. */
  clock: () => number
  log: Log
}

/** Begins at once and goes on for ever; returns how to give the lease up, which takes 2 s at most. */
export function keepLease({ bus, ask, lease, answers, clock, log }: KeepLeaseOptions): Closer {
  const gatewayId: string = crypto.randomUUID()
  const stopping = new AbortController()
  hearOrders({ bus, log, gatewayId, drop: answers.drop })

  const renew = async () => {
    // Without NATS no order would come, so identity would refuse: the question is saved.
    if (!bus.connection()) return
    const sentAt = clock()
    try {
      const { term } = await ask(renewLease, { gatewayId })
      if (term !== null) lease.granted({ sentAt, term }, clock())
    } catch (err) {
      log.debug({ event: 'caller-cache.not-renewed', err })
    }
  }

  let wake = () => {}
  bus.onConnect(() => wake())
  let wasHeld = false
  const work = async () => {
    while (!stopping.signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>()
      wake = resolve
      const timer = setTimeout(resolve, RENEW_EVERY_MS)
      await renew()
      const isHeld = lease.possession(clock()) !== null
      if (isHeld !== wasHeld) log.info({ event: 'caller-cache.lease', isHeld })
      wasHeld = isHeld
      if (!stopping.signal.aborted) await promise
      clearTimeout(timer)
    }
  }
  const worked = work()

  return async () => {
    stopping.abort()
    lease.surrender()
    wake()
    // A renewal under way would bring the lease back after its release.
    await worked
    if (bus.connection()) await ask(releaseLease, { gatewayId }).catch(() => undefined)
  }
}

function hearOrders(options: {
  bus: Bus
  log: Log
  gatewayId: string
  drop: (ids: readonly string[]) => void
}): void {
  const { bus, log, gatewayId, drop } = options
  const subscribed = new WeakSet<object>()
  bus.onConnect(connection => {
    // A reconnect keeps its subscriptions; only a new connection needs them again.
    if (subscribed.has(connection)) return
    subscribed.add(connection)
    connection.subscribe(dropSubject(gatewayId), {
      callback: (error, message) => {
        const order: unknown = error ? null : message.json()
        // Not understood is not acknowledged: identity then waits for the lease to run out.
        if (!matches(DropOrder, order)) return log.warn({ event: 'caller-cache.order', err: error })
        drop(order.ids)
        message.respond(DROPPED)
      },
    })
  })
}
