/**
 * The connection to NATS (design, "Between services"). It may be away at any time, at start too: the process
 * runs on, `ask` goes by HTTP, facts wait in the outbox, and the connection is tried for ever.
 */

import type { Issuer } from '@mogplex/proto/services.ts'
import {
  type JetStreamClient,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
} from '@nats-io/jetstream'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import type { Log } from '../log.ts'
import type { EventMessage } from '../outbox/relay.ts'
import { inboxPrefix } from './inbox.ts'

export interface Bus {
  serviceName: Issuer
  /** The connection when it is up now, else null. */
  connection: () => NatsConnection | null
  jetstream: () => JetStreamClient
  jetstreamManager: () => Promise<JetStreamManager>
  /** Calls `listener` now if connected, and after every connect or reconnect. */
  onConnect: (listener: (connection: NatsConnection) => void) => void
  /** Makes the stream of this service's facts if it is missing; resolves with its creation time. */
  ensureEventStream: () => Promise<string>
  /** Resolves once JetStream has stored the message. */
  publishEvent: (subject: string, message: EventMessage) => Promise<void>
  close: () => Promise<void>
}

const RECONNECT_MS = 500
const PUBLISH_TIMEOUT_MS = 5_000
/** How long a stream holds a fact after it was published, and so may deliver it again. */
export const EVENT_MAX_AGE_DAYS = 7

/** The JetStream stream that holds a service's facts. */
export function eventStreamName(service: Issuer): string {
  return `evt-${service}`
}

/** Returns at once; the connection is made in the background. `url` may carry user and password. */
export function openBus(options: { url: string; serviceName: Issuer; log: Log }): Bus {
  const { serviceName, log } = options
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
    const { servers, user, pass } = parseUrl(options.url)
    while (!isClosed) {
      try {
        const live = await connect({
          servers,
          ...(user ? { user, pass } : {}),
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

  const manage = () => jetstreamManager(live(), { checkAPI: false, timeout: PUBLISH_TIMEOUT_MS })

  return {
    serviceName,
    jetstreamManager: manage,
    connection: () => (isConnected ? connection : null),
    jetstream: () => jetstream(live(), { timeout: PUBLISH_TIMEOUT_MS }),
    onConnect: listener => {
      listeners.push(listener)
      if (connection && isConnected) listener(connection)
    },
    ensureEventStream: async () => {
      const manager = await manage()
      const name = eventStreamName(serviceName)
      const found = await manager.streams.info(name).catch(() => null)
      const info =
        found ??
        (await manager.streams.add({
          name,
          subjects: [`evt.${serviceName}.>`],
          retention: RetentionPolicy.Limits,
          max_age: EVENT_MAX_AGE_DAYS * 86_400 * 1e9,
        }))
      return String(info.created)
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

function parseUrl(text: string): { servers: string; user: string; pass: string } {
  const url = new URL(text)
  return { servers: url.host, user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) }
}
