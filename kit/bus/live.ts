/**
 * Wake-ups: core NATS, lossy on purpose (design, "Between services"). Whoever is woken reads the truth from
 * Postgres; whoever is not finds it at the next poll. Wakes of this process reach it without NATS as well.
 */
import type { NatsConnection } from '@nats-io/transport-node'
import type { Bus } from './connect.ts'

export interface Live {
  /** Wakes every listener of the subject, here and in other processes. Never fails, may be lost. */
  wake: (subject: `live.${string}`) => void
  /** Calls `listener` on every wake of exactly this subject; returns how to stop. */
  onWake: (subject: `live.${string}`, listener: () => void) => () => void
}

/** `pattern`: the NATS subject (with a wildcard) this process subscribes to once for all its listeners. */
export function openLive(bus: Bus, pattern: `live.${string}`): Live {
  const listeners = new Map<string, Set<() => void>>()
  const notify = (subject: string) => {
    for (const listener of listeners.get(subject) ?? []) listener()
  }
  const subscribed = new WeakSet<NatsConnection>()
  bus.onConnect(connection => {
    if (subscribed.has(connection)) return
    subscribed.add(connection)
    connection.subscribe(pattern, { callback: (error, message) => void (error ?? notify(message.subject)) })
  })
  return {
    wake: subject => {
      const connection = bus.connection()
      // NATS echoes the message back to this process too, so it is told directly only when NATS is away.
      if (connection) connection.publish(subject)
      else notify(subject)
    },
    onWake: (subject, listener) => {
      const known = listeners.get(subject) ?? new Set()
      listeners.set(subject, known.add(listener))
      return () => {
        known.delete(listener)
        if (known.size === 0) listeners.delete(subject)
      }
    },
  }
}
