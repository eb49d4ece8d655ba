/** Kept connections to one service. */
import { parseServiceAddress } from '@mogplex/kit/http/service-address.ts'
import type { TCPSocketConnectOptions } from 'bun'
import {
  type AnswerListener,
  UpstreamBroke,
  type UpstreamCall,
  UpstreamConnection,
  type UpstreamConnectionOptions,
  type UpstreamRequest,
} from './connection.ts'

export interface UpstreamPool {
  ask: (request: UpstreamRequest, listener: AnswerListener) => UpstreamCall
  /** Ends all connections. */
  close: () => void
}

/** Services close one that was idle for twice as long, and a request must not meet that moment. */
const MAX_IDLE_MS = 60_000

/** Not longer than a person waits gladly for an answer that is only that the service is away. */
const CROWDED_PATIENCE_MS = 2_000

export interface UpstreamPoolOptions extends Pick<UpstreamConnectionOptions, 'relayed'> {
  /** The service's; only its origin counts. */
  url: string
  /** Told of errors nobody threw on purpose. */
  reportBug: (error: unknown) => void
}

export function createUpstreamPool(options: UpstreamPoolOptions): UpstreamPool {
  const all = new Set<UpstreamConnection>()
  /** The one that was used last is taken first, so that those nobody needs grow old. */
  const idle: UpstreamConnection[] = []
  const dial = createDialler(options, {
    onOpen: connection => void all.add(connection),
    onIdle: connection => void idle.push(connection),
    onClosed: connection => {
      all.delete(connection)
      const at = idle.indexOf(connection)
      if (at >= 0) idle.splice(at, 1)
    },
  })
  const takeIdle = (): UpstreamConnection | null => {
    for (let connection = idle.pop(); connection; connection = idle.pop()) {
      if (performance.now() - connection.idleSince < MAX_IDLE_MS) return connection
      connection.close()
    }
    return null
  }
  return {
    ask: (request, listener) => takeIdle()?.ask(request, listener) ?? askWhenOpen(dial(), request, listener),
    close: () => {
      for (const connection of all) connection.close()
    },
  }
}

function askWhenOpen(
  opening: Promise<UpstreamConnection>,
  request: UpstreamRequest,
  listener: AnswerListener,
): UpstreamCall {
  let call: UpstreamCall | null = null
  let isGivenUp = false
  opening.then(
    connection => {
      if (isGivenUp) connection.close()
      else call = connection.ask(request, listener)
    },
    error => {
      if (!isGivenUp) listener.onBroken(error)
    },
  )
  return {
    giveUp: () => {
      if (call) call.giveUp(listener)
      else if (!isGivenUp) {
        isGivenUp = true
        listener.onBroken(new UpstreamBroke('given up before the connection was open', false))
      }
    },
  }
}

interface DiallerEvents {
  onOpen: (connection: UpstreamConnection) => void
  onIdle: (connection: UpstreamConnection) => void
  onClosed: (connection: UpstreamConnection) => void
}

function createDialler({ url, relayed, reportBug }: UpstreamPoolOptions, events: DiallerEvents) {
  const { host, address } = destinationOf(url)
  const dial = (): Promise<UpstreamConnection> => {
    const { promise, resolve, reject } = Promise.withResolvers<UpstreamConnection>()
    const opening = connectTo<UpstreamConnection | null>(address, {
      data: null,
      socket: {
        open: socket => {
          if (!('unix' in address)) socket.setNoDelay(true)
          const connection: UpstreamConnection = new UpstreamConnection(socket, {
            host,
            relayed,
            onIdle: () => events.onIdle(connection),
            onClosed: () => events.onClosed(connection),
          })
          socket.data = connection
          events.onOpen(connection)
          resolve(connection)
        },
        data: (socket, data) => socket.data?.receive(data),
        drain: socket => socket.data?.drain(),
        close: socket => {
          socket.data?.closed()
          reject(new UpstreamBroke('the service closed the connection', true))
        },
        // A reset is told to `close` as well; without a code it is an error of ours.
        error: (socket, error) => {
          if (!('code' in error)) reportBug(error)
          socket.terminate()
        },
        connectError: (_, error) => reject(error),
      },
    })
    opening.catch(reject)
    return promise
  }
  return 'unix' in address ? () => patiently(dial) : dial
}

/**
 * On a network, the kernel of a service that does not take connections for a moment lets new ones wait. On a
 * socket it refuses them once some hundreds do, like one that nobody listens on any more, so we wait.
 */
async function patiently<Connection>(dial: () => Promise<Connection>): Promise<Connection> {
  const deadline = performance.now() + CROWDED_PATIENCE_MS
  for (let delayMs = 5; ; delayMs = Math.min(delayMs * 2, 100)) {
    try {
      return await dial()
    } catch (error) {
      const isRefused = error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED'
      if (!isRefused || performance.now() > deadline) throw error
    }
    await Bun.sleep(delayMs)
  }
}

type Address = { unix: string } | { hostname: string; port: number; tls: boolean }

/** Where to connect to, and the value of `Host`. */
function destinationOf(url: string): { host: string; address: Address } {
  const { origin, socket } = parseServiceAddress(url)
  const { protocol, hostname, port, host } = new URL(origin)
  if (socket !== null) return { host, address: { unix: socket } }
  const tls = protocol === 'https:'
  const name = hostname.replace(/^\[|\]$/g, '')
  return { host, address: { hostname: name, port: Number(port) || (tls ? 443 : 80), tls } }
}

function connectTo<Data>(address: Address, options: Pick<TCPSocketConnectOptions<Data>, 'data' | 'socket'>) {
  return 'unix' in address ? Bun.connect({ ...address, ...options }) : Bun.connect({ ...address, ...options })
}
