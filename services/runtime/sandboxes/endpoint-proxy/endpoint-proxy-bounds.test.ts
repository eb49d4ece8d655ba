import { afterAll, afterEach, expect, test } from 'bun:test'
import { existsSync, readdirSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { ask, exchange, openProxyBench } from './test-bench.ts'

const bench = openProxyBench()
const { proxyTo, serveRaw } = bench
const serve = (answer: (request: Request) => Response | Promise<Response>) =>
  `http://127.0.0.1:${bench.serve(answer)}`
afterEach(bench.closeAll)
afterAll(bench.remove)

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

test('an endpoint nobody listens at is a 502 that says so, and is reported', async () => {
  const base = await serveRaw(() => undefined)
  bench.closeAll()
  const place = await proxyTo(base)
  const answer = await ask(place, '/models', { method: 'POST', body: 'x'.repeat(100_000) })
  expect(answer.status).toBe(502)
  expect(await answer.json()).toMatchObject({
    error: { message: expect.stringContaining('cannot be reached') },
  })
  expect(place.troubles).toEqual([expect.stringContaining('unreachable')])
})

test("an endpoint's certificate is verified", async () => {
  const [key, cert] = [join(bench.scratch, 'key.pem'), join(bench.scratch, 'cert.pem')]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  await Bun.$`openssl req -x509 -newkey rsa:2048 -nodes -keyout ${key} -out ${cert} -days 2 ${subject}`.quiet()
  let asked = 0
  const port = bench.serve(
    () => {
      asked += 1
      return new Response('impostor')
    },
    { key: Bun.file(key), cert: Bun.file(cert) },
  )
  const answer = await ask(await proxyTo(`https://localhost:${port}`), '/models')
  expect([answer.status, asked]).toEqual([502, 0])
  expect(await answer.text()).toContain('SELF_SIGNED')
})

test('connections are kept, and one that the endpoint has closed does no harm', async () => {
  const kept: net.Socket[] = []
  let closed = 0
  const base = await serveRaw(socket => {
    kept.push(socket)
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'))
    socket.on('close', () => {
      closed += 1
    })
  })
  const place = await proxyTo(base)
  const askOnce = async () => (await ask(place, '/x', { method: 'POST', body: 'x' })).text()
  expect([await askOnce(), await askOnce(), kept.length]).toEqual(['ok', 'ok', 1])
  kept[0]?.end()
  expect(await waitUntil(() => closed === 1, { limitMs: 5_000 })).toBe(true)
  expect([await askOnce(), kept.length]).toEqual(['ok', 2])
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
