/** A front before a git HTTP server that behaves as overloaded and misconfigured ones do. Loaded by tests only. */

/** What becomes of one request. */
export type Fault =
  | { status: number; body?: string; type?: string; headers?: Record<string, string> }
  /** The server does as it is told, and nobody hears of it. */
  | { doneThen: number }
  /** Only so many bytes of the answer come. */
  | { cutAfter: number }

export interface HostileFront {
  origin: string
  /** Taken from the front, one for each request that `matches`; with none left requests are passed on. */
  faults: Fault[]
  matches: (request: Request) => boolean
  /** `GET /a/info/refs?service=…` of each request, whatever became of it. */
  seen: string[]
  stop(): void
}

/** Stands before the server at `origin`. */
export function serveHostileFront(origin: string): HostileFront {
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    async fetch(request) {
      const { pathname, search } = new URL(request.url)
      front.seen.push(`${request.method} ${pathname}${search}`)
      const fault = front.matches(request) ? front.faults.shift() : undefined
      if (fault && 'status' in fault) return answer(fault)
      const headers = new Headers(request.headers)
      headers.delete('accept-encoding')
      const body = request.method === 'POST' ? await request.arrayBuffer() : null
      const passed = await fetch(`${origin}${pathname}${search}`, { method: request.method, headers, body })
      const bytes = new Uint8Array(await passed.arrayBuffer())
      if (fault && 'doneThen' in fault) return answer({ status: fault.doneThen })
      const type = { 'content-type': passed.headers.get('content-type') ?? '' }
      const sent = fault ? bytes.slice(0, fault.cutAfter) : bytes
      return new Response(sent, { status: passed.status, headers: type })
    },
  })
  const front: HostileFront = {
    origin: `http://127.0.0.1:${server.port}`,
    faults: [],
    matches: () => true,
    seen: [],
    stop: () => void server.stop(true),
  }
  return front
}

function answer({
  status,
  body = '',
  type = 'text/plain',
  headers = {},
}: Extract<Fault, { status: number }>) {
  return new Response(body, { status, headers: { 'content-type': type, ...headers } })
}

/** A port whose first `times` connections are reset or closed as soon as something is sent; the others are passed on. */
export function serveBreakingFront(origin: string, times: number, how: 'reset' | 'close') {
  let connections = 0
  const { hostname, port } = new URL(origin)
  const server = Bun.listen<{ upstream: Promise<import('bun').Socket> | null }>({
    hostname: '127.0.0.1',
    port: 0,
    socket: {
      open(socket) {
        connections += 1
        if (connections <= times) {
          socket.data = { upstream: null }
          return
        }
        const upstream = Bun.connect({
          hostname,
          port: Number(port),
          socket: { data: (_, data) => void socket.write(data), close: () => void socket.end() },
        })
        socket.data = { upstream }
      },
      async data(socket, data) {
        const { upstream } = socket.data
        if (upstream) (await upstream).write(data)
        else if (how === 'reset') socket.terminate()
        else socket.end()
      },
      close: socket => void socket.data.upstream?.then(upstream => upstream.end()),
    },
  })
  return {
    origin: `http://127.0.0.1:${server.port}`,
    connections: () => connections,
    stop: () => server.stop(true),
  }
}
