/** Endpoints of every kind, and a proxy before them, for the tests of this folder. */
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import type { EndpointCredential } from '../provider.ts'
import { type EndpointProxy, openEndpointProxy } from './endpoint-proxy.ts'

export const KEY = `sk-${crypto.randomUUID()}`

export interface Place {
  socketPath: string
  proxy: EndpointProxy
  troubles: string[]
}

export type ProxyBench = ReturnType<typeof openProxyBench>

/** `closeAll` after each test, `remove` at the end. */
export function openProxyBench() {
  const bearer: EndpointCredential = { header: 'authorization', prefix: 'Bearer ', secret: KEY }
  const scratch = mkdtempSync(join(tmpdir(), 'endpoint-proxy-'))
  const opened: { close(): unknown }[] = []
  let sockets = 0
  return {
    scratch,
    async proxyTo(baseUrl: string, credential: EndpointCredential | null = bearer): Promise<Place> {
      sockets += 1
      const socketPath = join(scratch, `${sockets}.sock`)
      const troubles: string[] = []
      const endpoint = { port: 3129, baseUrl, credential }
      const onTrouble = (trouble: string, detail: string) => void troubles.push(`${trouble}: ${detail}`)
      const proxy = await openEndpointProxy({ socketPath, endpoint, onTrouble })
      opened.push(proxy)
      return { socketPath, proxy, troubles }
    },
    /** An endpoint that is an ordinary HTTP server. */
    serve(answer: (request: Request) => Response | Promise<Response>, tls?: Bun.TLSOptions): number {
      const options = { hostname: '127.0.0.1', port: 0, idleTimeout: 0, fetch: answer }
      const server = Bun.serve(tls ? { ...options, tls } : options)
      opened.push({ close: () => server.stop(true) })
      return server.port ?? 0
    },
    /** An endpoint that sees and says bytes. */
    async serveRaw(onConnection: (socket: net.Socket) => void): Promise<string> {
      const server = net.createServer(socket => onConnection(socket.on('error', () => undefined)))
      await new Promise<void>(settle => void server.listen(0, '127.0.0.1', settle))
      opened.push(server)
      const address = server.address()
      if (address === null || typeof address === 'string') throw new Error('no address')
      return `http://127.0.0.1:${address.port}`
    },
    closeAll() {
      for (const each of opened.splice(0)) each.close()
    },
    remove: () => rmSync(scratch, { recursive: true }),
  }
}

/** Sends the very text, and gives everything that comes until the proxy closes or falls silent. */
export async function exchange(socketPath: string, text: string, silenceMs = 400): Promise<string> {
  const socket = net.connect(socketPath)
  let answer = ''
  let lastAtMs = performance.now()
  let isOver = false
  socket.on('data', bytes => {
    answer += bytes.toString('latin1')
    lastAtMs = performance.now()
  })
  socket
    .on('error', () => undefined)
    .on('close', () => {
      isOver = true
    })
  socket.write(text)
  await waitUntil(() => isOver || performance.now() - lastAtMs > silenceMs, { limitMs: 10_000, everyMs: 10 })
  socket.destroy()
  return answer
}

export const ask = (place: Place, path: string, init: RequestInit = {}) =>
  fetch(`http://inside${path}`, { ...init, unix: place.socketPath, keepalive: false, redirect: 'manual' })
