/** Services that are away, hang or die (gateway spec 1, step 12). Raw servers, so that they can. */
import { expect, test } from 'bun:test'
import type { Socket } from 'node:net'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { type BenchOptions, useGateway } from '../test-bench/gateway.ts'
import { rawServer, sendRaw } from '../test-bench/raw-http.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}'

async function gatewayTo(
  onRequest: (socket: Socket, text: string, count: number) => void,
  options: BenchOptions = {},
) {
  const upstream = await rawServer((socket, text, count) => {
    // Identity's questions by HTTP and health checks are not what is tested here.
    if (text.includes('/rpc/') || text.startsWith('GET /readyz'))
      socket.end('HTTP/1.1 404 x\r\nContent-Length: 0\r\n\r\n')
    else onRequest(socket, text, count)
  })
  const bench = await useGateway({ ...options, upstreamUrl: upstream.url })
  const authorization = `Bearer ${bench.newPat()}`
  const call = (method = 'GET', body?: string) =>
    fetch(`${bench.url}/api/repos`, { method, headers: { authorization }, ...(body ? { body } : {}) })
  return {
    bench,
    upstream,
    call,
    authorization,
    [Symbol.asyncDispose]: async () => {
      await bench[Symbol.asyncDispose]()
      await upstream[Symbol.asyncDispose]()
    },
  }
}

const expectUnavailable = async (response: Response) => {
  expect(response.status).toBe(503)
  expect(response.headers.get('retry-after')).toBe('5')
  expect(await response.json()).toMatchObject({ code: 'SERVICE_UNAVAILABLE' })
}

test('a service that is away is 503, and its address is told to nobody', async () => {
  await using gateway = await gatewayTo(() => undefined)
  await gateway.upstream[Symbol.asyncDispose]()
  const response = await gateway.call()
  expect(await response.clone().text()).not.toContain('127.0.0.1')
  await expectUnavailable(response)
})

test('a service that accepts and never answers is 503 in time, and its connection is closed', async () => {
  await using gateway = await gatewayTo(() => undefined, { settings: { UPSTREAM_TIMEOUT_MS: '300' } })
  await expectUnavailable(await gateway.call())
  await expectUnavailable(await gateway.call('POST', 'x'))
  expect(await waitUntil(() => gateway.upstream.open.size === 0, { limitMs: 20_000 })).toBe(true)
})

test('a service that falls silent on a kept connection is 503 in time, and the next call is served', async () => {
  let isSilent = false
  await using gateway = await gatewayTo(socket => !isSilent && socket.write(OK), {
    settings: { UPSTREAM_TIMEOUT_MS: '2000' },
  })
  expect((await gateway.call()).status).toBe(200)
  isSilent = true
  await expectUnavailable(await gateway.call())
  isSilent = false
  expect((await gateway.call()).status).toBe(200)
})

test('a client that leaves before the answer takes its call to the service along', async () => {
  await using gateway = await gatewayTo(() => undefined)
  const { bench, upstream, authorization } = gateway
  const leaving = new AbortController()
  const call = fetch(`${bench.url}/api/repos`, { headers: { authorization }, signal: leaving.signal })
  const outcome = call.catch(() => 'left')
  expect(await waitUntil(() => upstream.open.size === 1, { limitMs: 20_000 })).toBe(true)
  leaving.abort()
  expect(await outcome).toBe('left')
  expect(await waitUntil(() => upstream.open.size === 0, { limitMs: 20_000 })).toBe(true)
})

test.each([
  ['of known length', 'Content-Length: 200000\r\n\r\npartial'],
  ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n7\r\npartial\r\n'],
])('an answer %s that breaks off does not look complete', async (_, rest) => {
  await using gateway = await gatewayTo(socket => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n${rest}`)
    setTimeout(() => socket.destroy(), 1_000)
  })
  const head = `GET /api/repos HTTP/1.1\r\nHost: h\r\nAuthorization: ${gateway.authorization}\r\n\r\n`
  const answer = await sendRaw(gateway.bench.port, head)
  expect(answer.status).toBe(200)
  await expect(gateway.call().then(response => response.text())).rejects.toThrow()
})

test('a short answer that breaks off is 503, since nothing of it was passed on', async () => {
  await using gateway = await gatewayTo(socket => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npartial')
    setTimeout(() => socket.destroy(), 50)
  })
  await expectUnavailable(await gateway.call())
})

/** Serves each connection's first request and closes on the second, after it was received. */
const closesOnReuse = (socket: Socket, _: string, count: number) =>
  void (count === 1 ? socket.write(OK) : socket.destroy())

test('a read whose kept connection dies under it is asked again, once', async () => {
  await using gateway = await gatewayTo(closesOnReuse)
  for (let round = 0; round < 4; round += 1) expect((await gateway.call()).status).toBe(200)
})

test('a read that breaks every time is asked twice, not for ever', async () => {
  await using gateway = await gatewayTo(socket => void socket.destroy())
  await expectUnavailable(await gateway.call())
  const asked = gateway.upstream.received.filter(text => text.startsWith('GET /api/repos'))
  expect(asked).toHaveLength(2)
})

test('a write is never sent twice, whatever happens to its connection', async () => {
  await using gateway = await gatewayTo(closesOnReuse)
  for (let round = 0; round < 6; round += 1) await gateway.call('POST', `write-${round}`)
  const sent = gateway.upstream.received.join('')
  for (let round = 0; round < 6; round += 1) expect(sent.split(`write-${round}`)).toHaveLength(2)
})

test('a service that restarted is reached again at once', async () => {
  await using gateway = await gatewayTo(socket => void socket.write(OK))
  expect((await gateway.call('POST', 'x')).status).toBe(200)
  for (const socket of gateway.upstream.open) socket.destroy()
  // The gateway has to hear of it.
  await Bun.sleep(500)
  expect((await gateway.call('POST', 'y')).status).toBe(200)
})

test('calls beyond what can be under way are refused, not queued', async () => {
  await using gateway = await gatewayTo(() => undefined, {
    settings: { MAX_UPSTREAM_REQUESTS: '2', UPSTREAM_TIMEOUT_MS: '4000' },
  })
  let answered = 0
  const hanging = [gateway.call(), gateway.call()].map(call => call.then(() => (answered += 1)))
  await waitUntil(() => gateway.upstream.open.size === 2, { limitMs: 20_000 })
  await expectUnavailable(await gateway.call())
  expect(answered).toBe(0)
  await Promise.all(hanging)
})

test('identity away: 503 and never 401, for tokens and sessions alike', async () => {
  await using gateway = await gatewayTo(socket => void socket.write(OK))
  const cookie = `mogplex_session=${gateway.bench.newSession()}`
  await gateway.bench.stopIdentity()
  const credentials: Record<string, string>[] = [{ authorization: gateway.authorization }, { cookie }]
  for (const headers of credentials) {
    const response = await fetch(`${gateway.bench.url}/api/repos`, { headers })
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('60')
    expect(response.headers.get('set-cookie')).toBeNull()
  }
})
