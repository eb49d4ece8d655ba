/**
 * The host's end of a sandbox's way out: an HTTP proxy on a Unix socket that only this sandbox process
 * can see. Speaks CONNECT and absolute-form http; where a connection may go is the destination rule's.
 */
import { rmSync } from 'node:fs'
import type { Socket } from 'bun'
import type { DestinationRule } from './destination.ts'
import { type ProxyRequest, parseProxyRequest } from './proxy-request.ts'
import { close, createSide, join, relayHandlers, type Side, send } from './relay.ts'
import { bindUnnamed } from './socket-path.ts'

export interface EgressProxy {
  /** Stops listening, drops every connection and removes the socket. */
  close(): void
}

const MAX_HEAD_BYTES = 64 * 1024
const CONNECT_TIMEOUT_MS = 15_000
/** Connections at once of one sandbox process: the runtime's file descriptors are not the agent's. */
const MAX_CONNECTIONS = 512

export interface EgressOptions {
  socketPath: string
  rule: DestinationRule
  /** Told about each connection that the rule forbids. */
  onRefusal: (hostname: string, port: number) => void
}

/** Resolves once it listens; rejects when the socket cannot be made. */
export async function openEgressProxy(options: EgressOptions): Promise<EgressProxy> {
  const clients = new Set<Side>()
  const handlers = {
    ...relayHandlers,
    open(socket: Socket<Side>) {
      const side = createSide()
      side.onEarly = receiveHead(side, options)
      side.socket = socket
      socket.data = side
      clients.add(side)
      if (clients.size > MAX_CONNECTIONS) refuse(side, '503 Service Unavailable', 'too many connections')
    },
    close(socket: Socket<Side>) {
      clients.delete(socket.data)
      relayHandlers.close(socket)
    },
  }
  const server = await bindUnnamed(options.socketPath, unix =>
    Bun.listen<Side>({ unix, allowHalfOpen: true, socket: handlers }),
  )
  return {
    close() {
      server.stop(true)
      for (const client of clients) {
        client.peer?.socket?.terminate()
        client.socket?.terminate()
      }
      rmSync(options.socketPath, { force: true })
    },
  }
}

/** Collects the request's head; what follows it waits for upstream. */
function receiveHead(client: Side, options: EgressOptions): (bytes: Uint8Array | null) => void {
  let received = Buffer.alloc(0)
  return bytes => {
    if (bytes) received = Buffer.concat([received, bytes])
    const end = received.indexOf('\r\n\r\n')
    if (end < 0 && bytes && received.length < MAX_HEAD_BYTES) return
    client.onEarly = null
    client.socket?.pause()
    const request = end < 0 ? null : parseProxyRequest(received.subarray(0, end).toString('latin1'))
    if (!request) return refuse(client, '400 Bad Request', 'not a proxy request')
    client.early.push(received.subarray(end + 4))
    void connect(client, request, options)
  }
}

async function connect(client: Side, request: ProxyRequest, options: EgressOptions): Promise<void> {
  const destination = await options.rule(request.hostname, request.port)
  if ('refusal' in destination) {
    if (destination.refusal === 'unresolved') return refuse(client, '502 Bad Gateway', destination.message)
    options.onRefusal(request.hostname, request.port)
    return refuse(client, '403 Forbidden', destination.message)
  }
  const upstream = await connectToOneOf(destination.addresses, request.port)
  if (!upstream) {
    return refuse(client, '502 Bad Gateway', `cannot connect to ${request.hostname}:${request.port}`)
  }
  if (request.head === null) send(client, Buffer.from('HTTP/1.1 200 Connection established\r\n\r\n'))
  else send(upstream, Buffer.from(request.head, 'latin1'))
  join(client, upstream)
}

async function connectToOneOf(addresses: string[], port: number): Promise<Side | null> {
  for (const address of addresses) {
    const side = await connectTo(address, port)
    if (side) return side
  }
  return null
}

/** null when nobody answers in time. */
function connectTo(hostname: string, port: number): Promise<Side | null> {
  const side = createSide()
  return new Promise(settle => {
    const giveUp = () => {
      side.isClosing = true
      settle(null)
    }
    const timer = setTimeout(giveUp, CONNECT_TIMEOUT_MS)
    const opened = Bun.connect<Side>({
      hostname,
      port,
      data: side,
      allowHalfOpen: true,
      socket: {
        ...relayHandlers,
        open(socket) {
          clearTimeout(timer)
          side.socket = socket
          // Too late: the client was told already.
          if (side.isClosing) return socket.terminate()
          // Nothing may arrive before the client is joined.
          socket.pause()
          settle(side)
        },
      },
    })
    opened.catch(() => {
      clearTimeout(timer)
      giveUp()
    })
  })
}

function refuse(client: Side, status: string, message: string): void {
  const body = `${message}\n`
  const lines = [
    `HTTP/1.1 ${status}`,
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ]
  send(client, Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`))
  close(client)
}
