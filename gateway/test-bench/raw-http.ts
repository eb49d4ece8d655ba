/** Sockets below HTTP: requests no client library would send, and servers that misbehave. */
import { connect, createServer, type Socket } from 'node:net'

/** What a server wrote until it closed the connection, had answered whole, or `limitMs` were over. */
export interface RawAnswer {
  text: string
  status: number
  /** Whether the server ended the connection, in order or not. */
  isClosed: boolean
}

export interface RawOptions {
  /** Nothing but the end of the connection ends the answer. */
  untilClosed?: boolean
  limitMs?: number
}

/** How long is waited for more after a whole answer. */
const QUIET_MS = 60
const LIMIT_MS = 20_000

/** Writes `text` as it is and collects the answer. */
export function sendRaw(
  port: number,
  text: string | Uint8Array,
  { untilClosed = false, limitMs = LIMIT_MS }: RawOptions = {},
): Promise<RawAnswer> {
  const { promise, resolve } = Promise.withResolvers<RawAnswer>()
  const isHead = typeof text === 'string' && text.startsWith('HEAD ')
  let received = ''
  let quiet: ReturnType<typeof setTimeout> | undefined
  const done = (isClosed: boolean) => {
    clearTimeout(quiet)
    clearTimeout(limit)
    socket.destroy()
    resolve({ text: received, status: Number(received.slice(9, 12)), isClosed })
  }
  const socket = connect(port, '127.0.0.1', () => socket.write(text))
  socket.on('data', data => {
    received += data.toString('latin1')
    clearTimeout(quiet)
    if (!untilClosed && isWhole(received, isHead)) quiet = setTimeout(() => done(false), QUIET_MS)
  })
  socket.on('error', () => done(true))
  socket.on('close', () => done(true))
  const limit = setTimeout(() => done(false), limitMs)
  return promise
}

function isWhole(answer: string, isHead: boolean): boolean {
  const end = answer.indexOf('\r\n\r\n')
  if (end < 0) return false
  const head = answer.slice(0, end)
  if (isHead || /^\S+ (1\d\d|204|304) /.test(head)) return true
  if (/^transfer-encoding: chunked/im.test(head)) return answer.endsWith('\r\n0\r\n\r\n')
  const length = /^content-length: (\d+)/im.exec(head)?.[1]
  return length !== undefined && answer.length - end - 4 >= Number(length)
}

export interface RawServer extends AsyncDisposable {
  url: string
  port: number
  /** Everything received, one entry a chunk. */
  received: string[]
  open: Set<Socket>
}

/** A TCP server on a free port; `onData` gets each chunk and how many chunks its connection has had. */
export async function rawServer(
  onData: (socket: Socket, text: string, count: number) => void,
): Promise<RawServer> {
  const received: string[] = []
  const open = new Set<Socket>()
  const server = createServer(socket => {
    let count = 0
    open.add(socket)
    // A reset by the other side is part of what these tests do.
    socket.on('error', () => undefined)
    socket.on('close', () => open.delete(socket))
    socket.on('data', data => {
      count += 1
      received.push(data.toString('latin1'))
      onData(socket, data.toString('latin1'), count)
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    received,
    open,
    [Symbol.asyncDispose]: async () => {
      server.close()
      for (const socket of open) socket.destroy()
    },
  }
}
