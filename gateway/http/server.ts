/**
 * An HTTP/1.1 server on bare sockets, for the gateway alone (decision 8). It hands over what a client sent as it
 * was sent, and takes an answer without the objects of the Fetch standard in between.
 */
import { ClientConnection } from './client-connection.ts'
import type { RequestHandler } from './server-request.ts'

export interface HttpServer {
  port: number
  /** Takes no more connections; resolves when the last request under way is answered. */
  stop: () => Promise<void>
  /** Ends all connections at once. */
  close: () => void
}

const SWEEP_MS = 1_000

export interface HttpServerOptions<Understood> {
  host: string
  port: number
  handler: RequestHandler<Understood>
  /** Told of errors nobody threw on purpose. */
  reportBug: (error: unknown) => void
}

/** Starts to listen. Throws when the address cannot be had. */
export function listen<Understood>(options: HttpServerOptions<Understood>): HttpServer {
  const connections = new Set<ClientConnection<Understood>>()
  let drained: (() => void) | null = null
  const listener = Bun.listen<ClientConnection<Understood>>({
    hostname: options.host,
    port: options.port,
    socket: {
      open: socket => {
        socket.setNoDelay(true)
        socket.data = new ClientConnection(socket, options.handler, error => {
          options.reportBug(error)
          socket.terminate()
        })
        connections.add(socket.data)
      },
      data: (socket, data) => socket.data.receive(data),
      drain: socket => socket.data.drain(),
      close: socket => {
        connections.delete(socket.data)
        socket.data.closed()
        if (connections.size === 0) drained?.()
      },
      // A reset is told to `close` as well; without a code it is an error of ours.
      error: (socket, error) => {
        if (!('code' in error)) options.reportBug(error)
        socket.terminate()
      },
    },
  })
  const sweeper = setInterval(() => {
    const now = performance.now()
    for (const connection of connections) if (now >= connection.deadline) connection.expire()
  }, SWEEP_MS)

  return {
    port: listener.port,
    stop: async () => {
      listener.stop()
      const { promise, resolve } = Promise.withResolvers<void>()
      drained = resolve
      for (const connection of connections) connection.retire()
      if (connections.size === 0) resolve()
      await promise
    },
    close: () => {
      clearInterval(sweeper)
      for (const connection of connections) connection.close()
    },
  }
}
