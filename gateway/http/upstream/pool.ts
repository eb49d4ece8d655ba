/** Kept connections to one service. */
import type { UpstreamAnswer } from './answer-reader.ts'
import { UpstreamBroke, type UpstreamCall, UpstreamConnection, type UpstreamRequest } from './connection.ts'

export interface UpstreamPool {
  ask: (request: UpstreamRequest) => UpstreamCall
  /** Ends all connections. */
  close: () => void
}

/** Services close one that was idle for twice as long, and a request must not meet that moment. */
const MAX_IDLE_MS = 60_000

/** `url` is the service's; only its origin counts. `reportBug` is told of errors nobody threw on purpose. */
export function createUpstreamPool(url: string, reportBug: (error: unknown) => void): UpstreamPool {
  const all = new Set<UpstreamConnection>()
  /** The one that was used last is taken first, so that those nobody needs grow old. */
  const idle: UpstreamConnection[] = []
  const dial = createDialler(url, reportBug, {
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
    ask: request => takeIdle()?.ask(request) ?? askWhenOpen(dial(), request),
    close: () => {
      for (const connection of all) connection.close()
    },
  }
}

function askWhenOpen(opening: Promise<UpstreamConnection>, request: UpstreamRequest): UpstreamCall {
  const { promise: answer, resolve, reject } = Promise.withResolvers<UpstreamAnswer>()
  let isAborted = false
  let call: UpstreamCall | null = null
  opening.then(connection => {
    if (isAborted) {
      connection.close()
      return
    }
    call = connection.ask(request)
    call.answer.then(resolve, reject)
  }, reject)
  return {
    answer,
    abort: () => {
      isAborted = true
      if (call) call.abort()
      else reject(new UpstreamBroke('given up before the connection was open', false))
    },
  }
}

interface DiallerEvents {
  onOpen: (connection: UpstreamConnection) => void
  onIdle: (connection: UpstreamConnection) => void
  onClosed: (connection: UpstreamConnection) => void
}

function createDialler(url: string, reportBug: (error: unknown) => void, events: DiallerEvents) {
  const { protocol, hostname, port, host } = new URL(url)
  const tls = protocol === 'https:'
  const address = { hostname: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || (tls ? 443 : 80), tls }
  return (): Promise<UpstreamConnection> => {
    const { promise, resolve, reject } = Promise.withResolvers<UpstreamConnection>()
    const opening = Bun.connect<UpstreamConnection | null>({
      ...address,
      data: null,
      socket: {
        open: socket => {
          socket.setNoDelay(true)
          const connection: UpstreamConnection = new UpstreamConnection(socket, host, {
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
}
