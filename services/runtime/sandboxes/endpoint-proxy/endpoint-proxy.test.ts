import { afterAll, afterEach, expect, test } from 'bun:test'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import type { EndpointCredential } from '../provider.ts'
import { type EndpointProxy, openEndpointProxy } from './endpoint-proxy.ts'

const KEY = `sk-${crypto.randomUUID()}`
const bearer: EndpointCredential = { header: 'authorization', prefix: 'Bearer ', secret: KEY }
const scratch = mkdtempSync(join(tmpdir(), 'endpoint-proxy-'))
const opened: { close(): unknown }[] = []
afterEach(() => {
  for (const each of opened.splice(0)) each.close()
})
afterAll(() => rmSync(scratch, { recursive: true }))

interface Place {
  socketPath: string
  proxy: EndpointProxy
  troubles: string[]
}

let sockets = 0
async function proxyTo(baseUrl: string, credential: EndpointCredential | null = bearer): Promise<Place> {
  sockets += 1
  const socketPath = join(scratch, `${sockets}.sock`)
  const troubles: string[] = []
  const endpoint = { port: 3129, baseUrl, credential }
  const onTrouble = (trouble: string, detail: string) => void troubles.push(`${trouble}: ${detail}`)
  const proxy = await openEndpointProxy({ socketPath, endpoint, onTrouble })
  opened.push(proxy)
  return { socketPath, proxy, troubles }
}

/** An endpoint that is an ordinary HTTP server. */
function serve(answer: (request: Request) => Response | Promise<Response>): string {
  const server = Bun.serve({ hostname: '127.0.0.1', port: 0, idleTimeout: 0, fetch: answer })
  opened.push({ close: () => server.stop(true) })
  return `http://127.0.0.1:${server.port}`
}

/** An endpoint that sees and says bytes. */
async function serveRaw(onConnection: (socket: net.Socket) => void): Promise<string> {
  const server = net.createServer(socket => onConnection(socket.on('error', () => undefined)))
  await new Promise<void>(settle => void server.listen(0, '127.0.0.1', settle))
  opened.push(server)
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no address')
  return `http://127.0.0.1:${address.port}`
}

/** Sends the very text, and gives everything that comes until the proxy closes or falls silent. */
async function exchange(socketPath: string, text: string, silenceMs = 400): Promise<string> {
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

const ask = (place: Place, path: string, init: RequestInit = {}) =>
  fetch(`http://inside${path}`, { ...init, unix: place.socketPath, keepalive: false, redirect: 'manual' })

test('the credential takes the place of whatever the client says of itself', async () => {
  const seen: Headers[] = []
  const base = serve(request => {
    seen.push(request.headers)
    return new Response('hello')
  })
  const headers = {
    authorization: 'Bearer placeholder',
    'x-api-key': 'placeholder',
    'api-key': 'x',
    cookie: 'a=1',
    'x-forwarded-for': '127.0.0.1',
    'accept-encoding': 'gzip',
    'anthropic-version': '2023-06-01',
  }
  const openai = await proxyTo(`${base}/v1`)
  expect(await (await ask(openai, '/v1/models', { headers })).text()).toBe('hello')
  const anthropic = await proxyTo(`${base}/v1`, { header: 'x-api-key', prefix: '', secret: KEY })
  await ask(anthropic, '/v1/models', { headers })
  await ask(await proxyTo(`${base}/v1`, null), '/v1/models', { headers })
  const saying = ['authorization', 'x-api-key', 'api-key', 'cookie', 'x-forwarded-for']
  const said = seen.map(each => saying.map(name => each.get(name)))
  expect(said).toEqual([
    [`Bearer ${KEY}`, null, null, null, null],
    [null, KEY, null, null, null],
    [null, null, null, null, null],
  ])
  expect(seen[0]?.get('host')).toBe(new URL(base).host)
  expect(seen[0]?.get('anthropic-version')).toBe('2023-06-01')
  expect(seen[0]?.get('accept-encoding')).toBe('identity')
})

test('path, query, status, body and length pass unchanged', async () => {
  const base = serve(async request => {
    const { pathname, search } = new URL(request.url)
    const told = { pathname, search, length: request.headers.get('content-length') }
    return Response.json({ ...told, body: await request.text() }, { status: 418, headers: { 'x-id': '7' } })
  })
  const place = await proxyTo(`${base}/api/v1/`)
  const answer = await ask(place, '/api/v1/responses?a=b%20c&d', { method: 'POST', body: 'question' })
  expect([answer.status, answer.headers.get('x-id')]).toEqual([418, '7'])
  expect(await answer.json()).toEqual({
    ...{ pathname: '/api/v1/responses', search: '?a=b%20c&d' },
    ...{ length: '8', body: 'question' },
  })
})

test('an answer arrives piece by piece, as it is sent, its head before the first', async () => {
  let more: (text: string) => void = () => undefined
  const base = await serveRaw(socket => {
    socket.once('data', () => {
      const head = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n'
      socket.write(head)
      more = text => void socket.write(`${text.length.toString(16)}\r\n${text}\r\n`)
    })
  })
  const answer = await ask(await proxyTo(base), '/responses', { method: 'POST', body: '{}' })
  expect(answer.headers.get('content-type')).toBe('text/event-stream')
  const reader = answer.body?.getReader()
  for (const text of ['data: one\n\n', 'data: two\n\n']) {
    more(text)
    const { value } = (await reader?.read()) ?? {}
    expect(new TextDecoder().decode(value)).toBe(text)
  }
  more('')
  expect((await reader?.read())?.done).toBe(true)
})

test('the answer may begin before the question has ended, and a question is not kept back', async () => {
  const base = await serveRaw(socket =>
    socket.on('data', bytes => {
      if (!String(bytes).includes('first')) return
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly')
    }),
  )
  const { socketPath } = await proxyTo(base)
  const head = 'POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n'
  expect(await exchange(socketPath, `${head}first`)).toEndWith('early')
})

test('megabytes pass both ways, and a reader that stops reading stops the endpoint', async () => {
  const bytes = Buffer.alloc(20 << 20, 'a sentence of some length, ')
  const base = serve(async request => new Response(await request.arrayBuffer()))
  const place = await proxyTo(base)
  const back = await (await ask(place, '/echo', { method: 'POST', body: bytes })).arrayBuffer()
  expect(Bun.hash(back)).toBe(Bun.hash(bytes))

  let sent = 0
  const endless = await serveRaw(socket => {
    const more = () => {
      while (!socket.destroyed && socket.write(Buffer.alloc(65_536))) sent += 65_536
    }
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      more()
    })
    socket.on('drain', more)
  })
  const socket = net.connect((await proxyTo(endless)).socketPath)
  socket.pause().write('GET /x HTTP/1.1\r\nHost: x\r\n\r\n')
  let before = -1
  const stands = () => {
    const isSame = sent > 0 && sent === before
    before = sent
    return isSame
  }
  expect(await waitUntil(stands, { limitMs: 20_000, everyMs: 300 })).toBe(true)
  expect(sent).toBeLessThan(64 << 20)
  socket.destroy()
})

test('whoever gives up takes the request to the endpoint along; so does the end of the sandbox', async () => {
  const ended: string[] = []
  const base = await serveRaw(socket => {
    socket.once('data', bytes => {
      const path = String(bytes).split(' ')[1] ?? ''
      socket.write('HTTP/1.1 200 OK\r\n\r\nhello')
      socket.on('close', () => ended.push(path))
    })
  })
  const place = await proxyTo(base)
  const abort = new AbortController()
  const given = await ask(place, '/given-up', { signal: abort.signal })
  await given.body?.getReader().read()
  abort.abort()
  expect(await waitUntil(() => ended.includes('/given-up'), { limitMs: 5_000 })).toBe(true)
  const cut = await ask(place, '/cut')
  const reader = cut.body?.getReader()
  await reader?.read()
  place.proxy.close()
  expect(await waitUntil(() => ended.includes('/cut'), { limitMs: 5_000 })).toBe(true)
  await expect(reader?.read()).rejects.toThrow()
  expect(existsSync(place.socketPath)).toBe(false)
})

test('an answer that breaks off does not look complete', async () => {
  const base = await serveRaw(socket => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n')
      setTimeout(() => socket.destroy(), 50)
    })
  })
  const answer = await exchange((await proxyTo(base)).socketPath, 'GET /x HTTP/1.1\r\nHost: x\r\n\r\n')
  expect(answer).toContain('hello')
  expect(answer).not.toEndWith('0\r\n\r\n')
})

test('a redirect is handed on, not followed', async () => {
  const asked: string[] = []
  const base = serve(request => {
    asked.push(new URL(request.url).pathname)
    return Response.redirect('http://attacker.test/', 307)
  })
  const answer = await ask(await proxyTo(`${base}/v1`), '/v1/models')
  expect([answer.status, answer.headers.get('location')]).toEqual([307, 'http://attacker.test/'])
  expect(asked).toEqual(['/v1/models'])
})

test('an endpoint nobody listens at is a 502 that says so, and is reported', async () => {
  const base = await serveRaw(() => undefined)
  for (const each of opened.splice(0)) each.close()
  const place = await proxyTo(base)
  const answer = await ask(place, '/models', { method: 'POST', body: 'x'.repeat(100_000) })
  expect(answer.status).toBe(502)
  expect(await answer.json()).toMatchObject({
    error: { message: expect.stringContaining('cannot be reached') },
  })
  expect(place.troubles).toEqual([expect.stringContaining('unreachable')])
})

test("an endpoint's certificate is verified", async () => {
  const [key, cert] = [join(scratch, 'key.pem'), join(scratch, 'cert.pem')]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  await Bun.$`openssl req -x509 -newkey rsa:2048 -nodes -keyout ${key} -out ${cert} -days 2 ${subject}`.quiet()
  let asked = 0
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    tls: { key: Bun.file(key), cert: Bun.file(cert) },
    fetch: () => {
      asked += 1
      return new Response('impostor')
    },
  })
  opened.push({ close: () => server.stop(true) })
  const answer = await ask(await proxyTo(`https://localhost:${server.port}`), '/models')
  expect([answer.status, asked]).toEqual([502, 0])
  expect(await answer.text()).toContain('SELF_SIGNED')
})

test('a kept connection that the endpoint has closed does no harm', async () => {
  let connections = 0
  const base = await serveRaw(socket => {
    connections += 1
    socket.on('data', () => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      setTimeout(() => socket.end(), 30)
    })
  })
  const place = await proxyTo(base)
  for (const pauseMs of [0, 0, 60, 100]) {
    expect(await (await ask(place, '/x', { method: 'POST', body: 'x' })).text()).toBe('ok')
    await Bun.sleep(pauseMs)
  }
  expect(connections).toBeLessThan(4)
})

test('more connections than one sandbox may have are closed, and file descriptors come back', async () => {
  const place = await proxyTo(serve(() => new Response('ok')))
  const descriptors = () => readdirSync('/proc/self/fd').length
  const before = descriptors()
  const clients = Array.from({ length: 200 }, () =>
    net.connect(place.socketPath).on('error', () => undefined),
  )
  const closed = () => clients.filter(client => client.destroyed || client.readableEnded).length
  for (const client of clients) client.resume()
  expect(await waitUntil(() => closed() >= 136, { limitMs: 5_000 })).toBe(true)
  for (const client of clients) client.destroy()
  expect(await waitUntil(() => descriptors() <= before + 2, { limitMs: 5_000 })).toBe(true)
  expect(await (await ask(place, '/x')).text()).toBe('ok')
})

test('a body beyond the limit is refused, also one that does not say how long it is', async () => {
  let received = 0
  const base = serve(async request => {
    for await (const chunk of request.body ?? []) received += chunk.length
    return new Response('all of it')
  })
  const place = await proxyTo(base)
  const head = 'POST /x HTTP/1.1\r\nHost: x\r\n'
  expect(await exchange(place.socketPath, `${head}Content-Length: 999999999\r\n\r\n`)).toContain(' 413 ')
  expect(received).toBe(0)
  const piece = new Uint8Array(1 << 20)
  let pieces = 0
  const body = new ReadableStream({
    pull(controller) {
      pieces += 1
      if (pieces > 100) controller.close()
      else controller.enqueue(piece)
    },
  })
  const answer = await ask(place, '/x', { method: 'POST', body }).catch(() => null)
  expect(answer?.status ?? 413).toBe(413)
  expect(received).toBeLessThanOrEqual(64 << 20)
})
