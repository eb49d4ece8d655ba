import { afterAll, beforeAll, expect, test } from 'bun:test'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { type DestinationRule, publicDestination } from './destination.ts'
import { type EgressProxy, openEgressProxy } from './egress-proxy.ts'

const scratch = mkdtempSync(join(tmpdir(), 'egress-proxy-'))
const socketPath = join(scratch, 'proxy.sock')
const refusals: string[] = []
let upstream: net.Server
let target: string
let proxy: EgressProxy
/** What an upstream connection does, set by each test. */
let serve: (socket: net.Socket) => void

beforeAll(async () => {
  upstream = net.createServer({ allowHalfOpen: true }, socket => serve(socket)).listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  const address = upstream.address()
  if (address === null || typeof address === 'string') throw new Error('no address')
  target = `127.0.0.1:${address.port}`
  proxy = await open(socketPath)
})

afterAll(() => {
  proxy.close()
  upstream.close()
  rmSync(scratch, { recursive: true })
})

/** The tests' own servers are on loopback, where no sandbox may go. */
const rule: DestinationRule = async (hostname, port) =>
  hostname === '127.0.0.1' ? { addresses: [hostname] } : publicDestination(hostname, port)

function open(path: string): Promise<EgressProxy> {
  const onRefusal = (hostname: string, port: number) => void refusals.push(`${hostname}:${port}`)
  return openEgressProxy({ socketPath: path, rule, onRefusal })
}

/** A connection to the target through the proxy, paused, after the proxy said yes. */
async function tunnel(path = socketPath): Promise<net.Socket> {
  const socket = net.connect({ path, allowHalfOpen: true })
  socket.write(`CONNECT ${target} HTTP/1.1\r\n\r\n`)
  const [answer] = await new Promise<Buffer[]>(settle => {
    socket.once('data', bytes => {
      socket.pause()
      settle([Buffer.from(bytes)])
    })
  })
  const text = String(answer)
  expect(text).toStartWith('HTTP/1.1 200')
  const rest = answer?.subarray(text.indexOf('\r\n\r\n') + 4)
  if (rest?.length) socket.unshift(rest)
  return socket
}

/** Everything until the other end has said all. Not `for await`, which closes the socket after that. */
function readAll(socket: net.Socket, isSlow = false): Promise<Buffer> {
  const chunks: Buffer[] = []
  socket.resume().on('data', bytes => {
    chunks.push(Buffer.from(bytes))
    if (!isSlow || chunks.length % 16 !== 0) return
    socket.pause()
    setTimeout(() => socket.resume(), 1)
  })
  return new Promise((settle, reject) => {
    socket.once('end', () => settle(Buffer.concat(chunks))).once('error', reject)
  })
}

test('a client that has said all still gets the whole answer', async () => {
  serve = async socket => {
    const asked = await readAll(socket)
    await Bun.sleep(50)
    socket.end(`late answer to ${asked}`)
  }
  const socket = await tunnel()
  socket.end('question')
  expect(String(await readAll(socket))).toBe('late answer to question')
})

test('an upstream that has said all still gets the rest of the question', async () => {
  const got = Promise.withResolvers<string>()
  serve = async socket => {
    socket.end('answer first')
    got.resolve(String(await readAll(socket)))
  }
  const socket = await tunnel()
  expect(String(await readAll(socket))).toBe('answer first')
  socket.end('question after')
  expect(await got.promise).toBe('question after')
})

test('many megabytes pass both ways at once without loss, to readers that are slow', async () => {
  const bytes = Buffer.from(new Uint8Array(8 << 20).map((_, index) => (index * 31) >> 3))
  const hash = (data: Buffer) => Bun.hash(data).toString()
  const got = Promise.withResolvers<Buffer>()
  serve = socket => {
    socket.end(bytes)
    got.resolve(readAll(socket, true))
  }
  const socket = await tunnel()
  socket.end(bytes)
  const back = await readAll(socket, true)
  expect([back.length, hash(back)]).toEqual([bytes.length, hash(bytes)])
  expect(hash(await got.promise)).toBe(hash(bytes))
})

test('a reader that stops reading stops the sender', async () => {
  let sent = 0
  serve = socket => {
    const more = () => {
      while (!socket.destroyed && socket.write(Buffer.alloc(65_536))) sent += 65_536
    }
    socket.on('drain', more).on('error', () => {})
    more()
  }
  const socket = await tunnel()
  socket.pause()
  // Once what is between them is full.
  let before = -1
  const stands = () => {
    const isSame = sent === before
    before = sent
    return isSame
  }
  expect(await waitUntil(stands, { limitMs: 20_000, everyMs: 300 })).toBe(true)
  expect(sent).toBeLessThan(64 << 20)
  socket.destroy()
})

test('small pieces arrive as they are sent, not when all is said', async () => {
  serve = socket => void socket.on('data', chunk => socket.write(`<${chunk}>`)).on('end', () => socket.end())
  const socket = await tunnel()
  for (const piece of ['a', 'b', 'c']) {
    const answered = once(socket, 'data')
    socket.write(piece)
    socket.resume()
    expect(String((await answered)[0])).toBe(`<${piece}>`)
  }
  socket.end()
})

test('a client that vanishes takes its upstream connection with it', async () => {
  const closed = Promise.withResolvers<void>()
  serve = socket =>
    void socket
      .on('error', () => {})
      .on('close', () => closed.resolve())
      .resume()
      .on('end', () => socket.end())
  const socket = await tunnel()
  socket.destroy()
  await closed.promise
})

test('bytes sent along with the request are not lost', async () => {
  serve = async socket => socket.end(await readAll(socket))
  const socket = net.connect({ path: socketPath, allowHalfOpen: true })
  socket.end(`CONNECT ${target} HTTP/1.1\r\n\r\nat once`)
  expect(String(await readAll(socket))).toEndWith('\r\n\r\nat once')
})

test('an upstream nobody listens at is a 502', async () => {
  const unused = net.createServer().listen(0, '127.0.0.1')
  await once(unused, 'listening')
  const address = unused.address()
  const url = new URL(`http://127.0.0.1:${address && typeof address === 'object' ? address.port : 0}`)
  unused.close()
  const path = join(scratch, 'nobody.sock')
  const other = await openEgressProxy({ socketPath: path, rule, onRefusal: () => {} })
  const socket = net.connect(path)
  socket.write(`CONNECT ${url.host} HTTP/1.1\r\n\r\n`)
  expect(String(await readAll(socket))).toStartWith('HTTP/1.1 502')
  other.close()
})

test('a refused destination is a 403 that says so, and is reported', async () => {
  const socket = net.connect(socketPath)
  socket.write('GET http://169.254.169.254/latest/meta-data HTTP/1.1\r\n\r\n')
  const answer = String(await readAll(socket))
  expect(answer).toStartWith('HTTP/1.1 403')
  expect(answer).toContain('169.254.169.254')
  expect(refusals).toContain('169.254.169.254:80')
})

test('closing drops what is open and removes the socket', async () => {
  const path = join(scratch, 'closing.sock')
  const closing = await open(path)
  const upstreamClosed = Promise.withResolvers<void>()
  serve = socket =>
    void socket
      .on('error', () => {})
      .on('close', () => upstreamClosed.resolve())
      .resume()
      .on('end', () => socket.end())
  const socket = await tunnel(path)
  const closed = once(socket, 'close')
  socket
    .resume()
    .on('error', () => {})
    .on('end', () => socket.end())
  closing.close()
  await Promise.all([closed, upstreamClosed.promise])
  expect(existsSync(path)).toBe(false)
})
