/** What a client meets at the socket: order, framing, patience and the end of connections. */
import { afterAll, expect, test } from 'bun:test'
import { connect } from 'node:net'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { sendRaw } from '../test-bench/raw-http.ts'
import { type Answer, emptyAnswer, textAnswer } from './answer.ts'
import { type BodySource, collectBody } from './body.ts'
import { listen } from './server.ts'
import type { RequestHandler, ServerRequest } from './server-request.ts'

const bugs: unknown[] = []
const gone: string[] = []
let release: () => void = () => undefined

const answerTo = async (request: ServerRequest): Promise<Answer> => {
  request.onGone = () => void gone.push(request.target)
  if (request.target === '/slow') await new Promise<void>(resolve => (release = resolve))
  if (request.target === '/nothing') return emptyAnswer(204)
  if (request.target === '/large') return textAnswer(200, 'text/plain', 'z'.repeat(5_000_000))
  if (request.target === '/unread') return textAnswer(401, 'text/plain', 'no')
  const body = request.body ? await textOf(request.body) : null
  return textAnswer(200, 'text/plain', `${request.method} ${request.target} ${body ?? ''}`)
}
/** Of a client that leaves in the middle, nothing. */
async function textOf(source: BodySource): Promise<string> {
  const bytes = await collectBody(source, 1_000_000, () => new Error('too large')).catch(() => '')
  return bytes.toString()
}

const handler: RequestHandler<string> = {
  understand: head => head.target,
  handle: async (request, target) => {
    expect(target).toBe(request.target)
    request.respond(await answerTo(request))
  },
}
const server = listen({ host: '127.0.0.1', port: 0, handler, reportBug: error => void bugs.push(error) })
afterAll(() => {
  server.close()
  expect(bugs).toEqual([])
})

const bodies = (text: string) => text.split('\r\n\r\n').slice(1)
const get = (target: string, more = '') => `GET ${target} HTTP/1.1\r\nHost: h\r\n${more}\r\n`

test('requests sent ahead are answered one after the other, in order', async () => {
  const post = 'POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nxyz'
  const { text, isClosed } = await sendRaw(
    server.port,
    get('/a') + post + get('/c') + get('/nothing') + get('/d'),
  )
  const statuses = [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)
  expect(statuses).toEqual(['200', '200', '200', '204', '200'])
  expect(bodies(text).map(part => part.split('HTTP/')[0])).toEqual([
    'GET /a ',
    'POST /b xyz',
    'GET /c ',
    '',
    'GET /d ',
  ])
  expect(isClosed).toBe(false)
})

test('a request may come byte by byte', async () => {
  const socket = connect(server.port, '127.0.0.1')
  let received = ''
  socket.on('data', data => {
    received += data.toString()
  })
  const wire =
    '\r\nPOST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n'
  for (const character of wire) {
    socket.write(character)
    await new Promise(resolve => setImmediate(resolve))
  }
  expect(await waitUntil(() => received.endsWith('POST /x abc'), { limitMs: 10_000 })).toBe(true)
  socket.destroy()
})

test('whoever asks for it keeps or ends the connection', async () => {
  expect(
    (await sendRaw(server.port, get('/a', 'Connection: close\r\n'), { untilClosed: true })).isClosed,
  ).toBe(true)
  expect((await sendRaw(server.port, 'GET /a HTTP/1.0\r\n\r\n', { untilClosed: true })).isClosed).toBe(true)
  expect((await sendRaw(server.port, get('/a'))).isClosed).toBe(false)
})

test('HEAD gets the head of GET', async () => {
  const { text } = await sendRaw(server.port, 'HEAD /large HTTP/1.1\r\nHost: h\r\n\r\n')
  expect(text).toContain('content-length: 5000000\r\n')
  expect(text).toEndWith('\r\n\r\n')
})

test('who waits to be told gets its body wanted, and who is refused does not', async () => {
  const head = (target: string) =>
    `POST ${target} HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n`
  const asked = await sendRaw(server.port, head('/x'))
  expect(asked.text).toBe('HTTP/1.1 100 Continue\r\n\r\n')
  const refused = await sendRaw(server.port, head('/unread'), { untilClosed: true })
  expect([refused.status, refused.isClosed]).toEqual([401, true])
})

test('an answer before the end of the body ends the connection, and is read all the same', async () => {
  const head = 'POST /unread HTTP/1.1\r\nHost: h\r\nContent-Length: 9000000\r\n\r\n'
  const { text, isClosed } = await sendRaw(server.port, head + 'x'.repeat(3_000_000), { untilClosed: true })
  expect(text).toStartWith('HTTP/1.1 401')
  expect(text).toEndWith('\r\n\r\nno')
  expect(isClosed).toBe(true)
})

test('a large answer waits for a client that does not read', async () => {
  const socket = connect(server.port, '127.0.0.1', () => socket.write(get('/large') + get('/a')))
  socket.pause()
  await Bun.sleep(200)
  let received = 0
  let last = ''
  socket.on('data', data => {
    received += data.length
    last = data.toString().slice(-7)
  })
  socket.resume()
  expect(await waitUntil(() => received > 5_000_000 && last === 'GET /a ', { limitMs: 10_000 })).toBe(true)
  socket.destroy()
})

test('answers that are there at once come in order, however many are asked for, and leave a body unread', async () => {
  const atOnce = listen<string>({
    ...{ host: '127.0.0.1', port: 0, reportBug: error => void bugs.push(error) },
    handler: {
      understand: head => head.target,
      handle: (request, target) => {
        const text = target === '/large' ? 'z'.repeat(5_000_000) : `<${target}>`
        request.respond(textAnswer(200, 'text/plain', text))
        // A second one is dropped.
        request.respond(textAnswer(500, 'text/plain', 'again'))
      },
    },
  })
  const targets = Array.from({ length: 2_000 }, (_, index) => `/${index}`)
  const { text } = await sendRaw(atOnce.port, targets.map(target => get(target)).join(''))
  expect([...text.matchAll(/<([^>]*)>/g)].map(([, target]) => target)).toEqual(targets)
  const post = 'POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nxyz'
  const unread = await sendRaw(atOnce.port, post + get('/never'), { untilClosed: true })
  expect(unread.text.match(/HTTP/g)).toHaveLength(1)
  expect(unread).toMatchObject({ status: 200, isClosed: true })
  expect(unread.text).toContain('connection: close\r\n')
  const large = await sendRaw(atOnce.port, get('/large') + get('/after'))
  expect(large.text.match(/HTTP/g)).toHaveLength(2)
  expect(large.text.endsWith('</after>')).toBe(true)
  atOnce.close()
})

test('a handler that fails ends the connection and is told of', async () => {
  const told: unknown[] = []
  const failing = listen({
    ...{ host: '127.0.0.1', port: 0, reportBug: error => void told.push(error) },
    handler: {
      understand: () => null,
      handle: () => {
        throw new Error('a fault of ours')
      },
    },
  })
  expect(await sendRaw(failing.port, get('/'), { untilClosed: true })).toMatchObject({
    text: '',
    isClosed: true,
  })
  expect(told).toEqual([new Error('a fault of ours')])
  failing.close()
})

test('a client that leaves is noticed while its answer is made', async () => {
  const socket = connect(server.port, '127.0.0.1', () => socket.write(get('/slow')))
  await Bun.sleep(100)
  socket.destroy()
  expect(await waitUntil(() => gone.includes('/slow'), { limitMs: 10_000 })).toBe(true)
  release()
})

test('a server that stops answers what is under way, ends idle connections and takes no more', async () => {
  const stopping = listen({ host: '127.0.0.1', port: 0, handler, reportBug: error => void bugs.push(error) })
  const kept = connect(stopping.port, '127.0.0.1', () => kept.write(get('/a')))
  const isIdleClosed = new Promise(resolve => kept.on('close', resolve))
  await new Promise(resolve => kept.once('data', resolve))
  const underWay = sendRaw(stopping.port, get('/slow'))
  await Bun.sleep(100)
  const stopped = stopping.stop()
  await isIdleClosed
  release()
  expect((await underWay).text).toContain('connection: close\r\n')
  await stopped
  expect((await sendRaw(stopping.port, get('/a'))).text).toBe('')
  stopping.close()
})
