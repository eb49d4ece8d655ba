/**
 * The connection to NATS (design, "Between services"). It may be away at any time, at start too: the process
 * runs on, `ask` goes by HTTP, facts wait in the outbox, and the connection is tried for ever.
 */

import { factStream } from '@mogplex/proto/facts.ts'
import type { Issuer } from '@mogplex/proto/services.ts'
import { type JetStreamClient, jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import type { Log } from '../log.ts'
import type { EventMessage } from '../outbox/relay.ts'
import { inboxPrefix } from './inbox.ts'
import { connectionOptions, type NatsLogin } from './nats-settings.ts'

/** Who connects: a process of ours by the name it signs with, or the launcher. */
export type BusClient = Issuer | 'launcher'

export interface Bus {
  serviceName: BusClient
  /** The connection when it is up now, else null. */
  connection: () => NatsConnection | null
  jetstream: () => JetStreamClient
  /** Calls `listener` now if connected, and after every connect or reconnect. */
  onConnect: (listener: (connection: NatsConnection) => void) => void
  /** When the stream of this service's facts was made. Rejects while there is none. */
  eventStreamMadeAt: () => Promise<string>
  /** Resolves once JetStream has stored the message. */
  publishEvent: (subject: string, message: EventMessage) => Promise<void>
  close: () => Promise<void>
}

const RECONNECT_MS = 500
const PUBLISH_TIMEOUT_MS = 5_000

/** Returns at once; the connection is made in the background. */
export function openBus(options: NatsLogin & { serviceName: BusClient; log: Log }): Bus {
  const { serviceName, log, ...login } = options
  const listeners: ((connection: NatsConnection) => void)[] = []
  let connection: NatsConnection | null = null
  let isConnected = false
  let isClosed = false

  const announce = (live: NatsConnection) => {
    isConnected = true
    for (const listener of listeners) listener(live)
  }

  const watch = async (live: NatsConnection) => {
    for await (const status of live.status()) {
      if (status.type === 'disconnect') {
        isConnected = false
        log.warn({ event: 'nats.disconnected' })
      }
      if (status.type === 'reconnect') {
        log.info({ event: 'nats.reconnected' })
        announce(live)
      }
    }
  }

  const dial = async () => {
    while (!isClosed) {
      try {
        const live = await connect({
          ...connectionOptions(login),
          name: serviceName,
          inboxPrefix: inboxPrefix(serviceName),
          maxReconnectAttempts: -1,
          reconnectTimeWait: RECONNECT_MS,
          pingInterval: 5_000,
          maxPingOut: 2,
          ignoreAuthErrorAbort: true,
        })
        connection = live
        log.info({ event: 'nats.connected' })
        announce(live)
        await watch(live)
      } catch (err) {
        if (!isClosed) log.warn({ event: 'nats.unreachable', err })
      }
      isConnected = false
      connection = null
      if (!isClosed) await Bun.sleep(RECONNECT_MS)
    }
  }
  void dial()

  const live = () => {
    if (!connection || !isConnected) throw new Error('NATS is not connected')
    return connection
  }

  return {
    serviceName,
    connection: () => (isConnected ? connection : null),
    jetstream: () => jetstream(live(), { timeout: PUBLISH_TIMEOUT_MS }),
    onConnect: listener => {
      listeners.push(listener)
      if (connection && isConnected) listener(connection)
    },
    eventStreamMadeAt: async () => {
      const manager = await jetstreamManager(live(), { checkAPI: false, timeout: PUBLISH_TIMEOUT_MS })
      const { created } = await manager.streams.info(factStream(serviceName))
      return String(created)
    },
    publishEvent: async (subject, message) => {
      await jetstream(live(), { timeout: PUBLISH_TIMEOUT_MS }).publish(subject, JSON.stringify(message), {
        msgID: message.eventId,
      })
    },
    close: async () => {
      isClosed = true
      await connection?.close()
    },
  }
}
