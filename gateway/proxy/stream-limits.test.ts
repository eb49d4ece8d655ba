/** How many event streams one caller may have open, and every way in which one comes free again. */
import { afterAll, afterEach, expect, test } from 'bun:test'
import { connect, type Socket } from 'node:net'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { useGateway } from '../test-bench/gateway.ts'

const PATH = '/api/v1/mogplex/runs/r/events'
const BLOCK = `: ${'x'.repeat(60_000)}\n\n`

/** What the service does with a stream that was opened, by its query. */
let endAll = Promise.withResolvers<void>()
function stream(manner: string | null): Response {
  if (manner === 'refuse') return Response.json({ error: 'no' }, { status: 404 })
  if (manner === 'crash') return new Response('boom', { status: 500 })
  const { promise } = endAll
  const body = new ReadableStream<string>({
    start: controller => {
      controller.enqueue(': hello\n\n')
      if (manner === 'break') return controller.error(new Error('the service broke'))
      // Closing one whose client left throws.
      if (manner !== 'flood') promise.then(() => controller.close()).catch(() => undefined)
    },
    pull: controller => {
      if (manner === 'flood') controller.enqueue(BLOCK)
    },
  })
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
}

const bench = await useGateway({
  settings: {
    MAX_EVENT_STREAMS_PER_USER: '3',
    MAX_EVENT_STREAMS_PER_TOKEN: '2',
    MAX_UPSTREAM_REQUESTS: '8',
    STREAM_IDLE_TIMEOUT_MS: '2500',
  },
  upstream: request => {
    const query = new URL(request.url).searchParams
    if (!request.headers.get('accept')?.includes('event-stream')) return Response.json({ ok: true })
    return stream(query.get('manner'))
  },
})
afterAll(() => bench[Symbol.asyncDispose]())

const leaving: AbortController[] = []
afterEach(async () => {
  for (const each of leaving.splice(0)) each.abort()
  endAll.resolve()
  endAll = Promise.withResolvers()
})

type Headers = Record<string, string>
const as = (token: string): Headers => ({ authorization: `Bearer ${token}` })

async function open(headers: Headers, manner = 'wait') {
  const controller = new AbortController()
  leaving.push(controller)
  const all = { accept: 'text/event-stream', ...headers }
  const response = await fetch(`${bench.url}${PATH}?manner=${manner}`, {
    headers: all,
    signal: controller.signal,
  })
  return { response, leave: () => controller.abort() }
}
const statusOf = async (headers: Headers, manner?: string) => (await open(headers, manner)).response.status
const newUser = () => crypto.randomUUID()

/** Resolves when the token has room for a stream again, which then is open. */
const hasRoom = (headers: Headers) =>
  waitUntil(async () => (await statusOf(headers)) === 200, { limitMs: 20_000, everyMs: 50 })

test('one stream more than a token may have is 429, with a time to come back and a reason', async () => {
  const token = as(bench.newPat())
  expect([await statusOf(token), await statusOf(token)]).toEqual([200, 200])
  const { response } = await open(token)
  expect([response.status, response.headers.get('retry-after')]).toEqual([429, '10'])
  expect(await response.json()).toEqual({
    ok: false,
    error: {
      code: 'RATE_LIMITED',
      message: 'This token has 2 event streams open, as many as it may. Close one first.',
    },
  })
})

test('another token of the same user has what the user has left; another user is not affected', async () => {
  const [ada, bob] = [newUser(), newUser()]
  const first = as(bench.newPat(['read'], ada))
  const second = as(bench.newPat(['read'], ada))
  expect([await statusOf(first), await statusOf(first), await statusOf(second)]).toEqual([200, 200, 200])
  const { response } = await open(second)
  expect([response.status, (await response.json()).error.message]).toEqual([
    429,
    'This user has 3 event streams open, as many as it may. Close one first.',
  ])
  expect(await statusOf(as(bench.newPat(['read'], bob)))).toBe(200)
})

test('all together leave half of the connections to services for requests', async () => {
  const tokens = Array.from({ length: 3 }, () => as(bench.newPat(['read'], newUser())))
  const statuses: number[] = []
  for (const token of [...tokens, ...tokens]) statuses.push(await statusOf(token))
  expect(statuses).toEqual([200, 200, 200, 200, 503, 503])
  const page = await fetch(bench.url + PATH, { headers: tokens[0] ?? {} })
  expect(page.status).toBe(200)
})

test('a page of events is no stream: it is served however many are open', async () => {
  const token = as(bench.newPat(['read'], newUser()))
  await open(token)
  await open(token)
  for (let round = 0; round < 3; round += 1)
    expect((await fetch(bench.url + PATH, { headers: token })).status).toBe(200)
})

test.each(['refuse', 'crash'])('a stream that is not even begun (%s) holds nothing', async manner => {
  const token = as(bench.newPat(['read'], newUser()))
  for (let round = 0; round < 4; round += 1) expect(await statusOf(token, manner)).toBeOneOf([404, 500])
  expect([await statusOf(token), await statusOf(token)]).toEqual([200, 200])
})

test('a client that leaves makes room', async () => {
  const token = as(bench.newPat(['read'], newUser()))
  const [first] = [await open(token), await open(token)]
  first.leave()
  expect(await hasRoom(token)).toBe(true)
})

test('a stream that ends in order makes room', async () => {
  const token = as(bench.newPat(['read'], newUser()))
  await open(token)
  await open(token)
  endAll.resolve()
  endAll = Promise.withResolvers()
  expect(await hasRoom(token)).toBe(true)
})

test('a stream that its service breaks off makes room', async () => {
  const token = as(bench.newPat(['read'], newUser()))
  for (let round = 0; round < 3; round += 1) await open(token, 'break').catch(() => undefined)
  expect(await hasRoom(token)).toBe(true)
})

test('HEAD of a stream holds nothing', async () => {
  const token = as(bench.newPat(['read'], newUser()))
  for (let round = 0; round < 4; round += 1) {
    const headers = { accept: 'text/event-stream', ...token }
    expect((await fetch(`${bench.url}${PATH}?manner=wait`, { method: 'HEAD', headers })).status).toBe(200)
  }
  expect(await hasRoom(token)).toBe(true)
})

test('a client that takes nothing any more is let go, and makes room', async () => {
  const token = bench.newPat(['read'], newUser())
  const lines = `Host: h\r\nAccept: text/event-stream\r\nAuthorization: Bearer ${token}\r\n\r\n`
  const sockets: Socket[] = []
  for (let count = 0; count < 2; count += 1) {
    const socket = connect(bench.port, '127.0.0.1')
    socket.on('error', () => undefined)
    const begun = new Promise<void>(resolve => {
      socket.once('data', () => {
        socket.pause()
        resolve()
      })
    })
    socket.write(`GET ${PATH}?manner=flood HTTP/1.1\r\n${lines}`)
    sockets.push(socket)
    await begun
  }
  expect(await statusOf(as(token))).toBe(429)
  expect(await hasRoom(as(token))).toBe(true)
  for (const socket of sockets) socket.destroy()
})

test('a hundred that come and go at once leave nothing counted', async () => {
  const token = as(bench.newPat(['read'], newUser()))
  const visits = Array.from({ length: 100 }, async () => {
    const visit = await open(token)
    visit.leave()
  })
  await Promise.all(visits)
  expect(await hasRoom(token)).toBe(true)
  expect(await statusOf(token)).toBe(200)
})
