/** The last step of the pipeline: one call to the owning service, its answer streamed back unchanged. */
import type { AssertionSigner } from '@mogplex/kit/assertion/signer.ts'
import type { ApiError } from '@mogplex/kit/errors.ts'
import type { Log } from '@mogplex/kit/log.ts'
import { asksForEventStream } from '@mogplex/proto/event-stream.ts'
import type { Route } from '@mogplex/proto/routes.ts'
import type { ServiceName } from '@mogplex/proto/services.ts'
import type { Caller } from '../callers/caller.ts'
import type { Exchange } from '../exchange.ts'
import { relayedHeaders } from '../headers.ts'
import type { Answer } from '../http/answer.ts'
import { createUpstreamPool, type UpstreamPool } from '../http/upstream/pool.ts'
import type { StreamSlots } from '../limits/stream-slots.ts'
import { Call, type CallContext } from './call.ts'
import { notAnswering } from './failure.ts'
import type { Watchdog } from './watchdog.ts'

export interface ProxyOptions extends ProxyEvents {
  urls: Record<ServiceName, string>
  sign: AssertionSigner
  watchdog: Watchdog
  log: Log
  /** For a whole answer. */
  timeoutMs: number
  /** For the silence of a `stream` row. */
  idleTimeoutMs: number
  streamSlots: StreamSlots
  /** One more at once is refused with 503, so that they do not use up the connections of a service. */
  maxRequests: number
}

export interface ProxyEvents {
  /** A body of unknown or great length is still coming then, and `exchange.isUnderWay` is set. */
  onAnswer: (exchange: Exchange, answer: Answer) => void
  /**
   * In place of an answer: 503 when the service does not answer in time, 413 for a streamed body that grew too
   * large, 500 for an answer that must not reach a client.
   */
  onFailure: (exchange: Exchange, error: ApiError) => void
  /** The last byte of an answer is through that was still under way. */
  onEnd: (exchange: Exchange, status: number) => void
}

export interface UpstreamProxy {
  /**
   * Asks the service; what becomes of it is told by {@link ProxyEvents}. `body` is there where a step before had to
   * read it. Throws 503 when too many are under way, and 429 when the caller has too many streams open.
   */
  forward: (exchange: Exchange, row: Route, caller: Caller, body: Uint8Array | null) => void
  /** Ends open event streams in good order: their clients reconnect and resume. */
  endEventStreams: () => void
  /** Ends the connections to all services. */
  close: () => void
}

export function createProxy(options: ProxyOptions): UpstreamProxy {
  const pools = createPools(options)
  let underWay = 0
  const context: CallContext = {
    ...options,
    eventStreams: new Set(),
    ask: (service, request, listener) => pools[service].ask(request, listener),
  }
  const takeSlot = ({ request, clientIp }: Exchange, row: Route, caller: Caller) =>
    row.stream && asksForEventStream(request.headers.get('accept'))
      ? options.streamSlots.take(caller, clientIp)
      : null
  return {
    endEventStreams: () => {
      for (const finish of context.eventStreams) finish()
    },
    close: () => {
      for (const pool of Object.values(pools)) pool.close()
    },
    forward: (exchange, row, caller, body) => {
      if (underWay >= options.maxRequests) throw notAnswering(row.service)
      const freeSlot = takeSlot(exchange, row, caller)
      underWay += 1
      const onClose = () => {
        underWay -= 1
        freeSlot?.()
      }
      new Call(context, exchange, row, caller, onClose).start(body)
    },
  }
}

function createPools({ urls, log }: ProxyOptions): Record<ServiceName, UpstreamPool> {
  const poolOf = (service: ServiceName) =>
    createUpstreamPool({
      url: urls[service],
      relayed: relayedHeaders,
      reportBug: err => log.error({ event: 'upstream.bug', service, err }),
    })
  return { identity: poolOf('identity'), projects: poolOf('projects'), runtime: poolOf('runtime') }
}
