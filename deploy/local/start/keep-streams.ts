/** Makes the streams of the facts between services, whenever NATS is there and has none: services may not. */
import { openBus } from '@mogplex/kit/bus/connect.ts'
import type { NatsLogin } from '@mogplex/kit/bus/nats-settings.ts'
import { ensureStreams } from '@mogplex/kit/bus/streams.ts'
import { createLog } from '@mogplex/kit/log.ts'
import type { NatsConnection } from '@nats-io/transport-node'

export interface StreamKeeper {
  /** NATS is there, is the one we know, and has them. */
  isReady: () => boolean
  close: () => Promise<void>
}

const RETRY_MS = 500

/**
 * Works until closed: after every connect, because NATS may have lost its disk meanwhile. `onTrouble` is told
 * once in a row what NATS refused.
 */
export function keepStreams(login: NatsLogin, onTrouble: (text: string) => void): StreamKeeper {
  // The client's own complaints are about a server that is away; the supervisor says so too.
  const log = createLog({ process: 'launcher', level: 'silent' })
  const bus = openBus({ ...login, serviceName: 'launcher', log })
  let attempt = 0
  let isMade = false
  let isTold = false

  const make = async (connection: NatsConnection) => {
    attempt += 1
    const own = attempt
    isMade = false
    while (own === attempt && bus.connection() === connection) {
      try {
        await ensureStreams(connection)
        if (own === attempt) isMade = true
        isTold = false
        return
      } catch (err) {
        // One that went away says so itself.
        if (!isTold && bus.connection() === connection)
          onTrouble(`streams cannot be made: ${err instanceof Error ? err.message : String(err)}`)
        isTold = true
        await Bun.sleep(RETRY_MS)
      }
    }
  }
  bus.onConnect(connection => void make(connection))
  return { isReady: () => isMade && bus.connection() !== null, close: bus.close }
}
