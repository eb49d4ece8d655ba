/** The one body that the gateway reads itself: who may send it, how long it may take, and what breaks it. */
import { afterAll, expect, test } from 'bun:test'
import { connect } from 'node:net'
import { type BenchOptions, useGateway } from './test-bench/gateway.ts'
import { type RawOptions, sendRaw } from './test-bench/raw-http.ts'

const bench = await useGateway({
  settings: { RATE_LIMIT_SIGNIN_EMAIL: '1/60', UPSTREAM_TIMEOUT_MS: '1500' },
  // As identity says no.
  upstream: async request => Response.json(await request.json(), { status: 401 }),
})
afterAll(() => bench[Symbol.asyncDispose]())

const HEAD =
  'POST /api/auth/sign-in/email HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n' +
  'Sec-Fetch-Site: same-origin\r\n'
const CHUNKED = `${HEAD}Transfer-Encoding: chunked\r\n\r\n`
const inChunksOfOne = (text: string) => [...text].map(character => `1\r\n${character}\r\n`).join('')
const bodyFor = (email: string) => JSON.stringify({ email, password: 'wrong' })
const send = (text: string, options?: RawOptions) => sendRaw(bench.port, text, options)

test('a body in chunks of one byte is one body, and its address is counted', async () => {
  const message = `${CHUNKED}${inChunksOfOne(bodyFor('chunked@example.test'))}0\r\n\r\n`
  const first = await send(message)
  expect([first.status, first.text.includes('chunked@example.test')]).toEqual([401, true])
  expect((await send(message)).status).toBe(429)
})

test('a body that comes byte by byte is one body, too', async () => {
  const body = bodyFor('trickled@example.test')
  const { promise, resolve } = Promise.withResolvers<string>()
  const socket = connect({ port: bench.port, host: '127.0.0.1', noDelay: true })
  socket.on('data', data => resolve(data.toString('latin1')))
  socket.write(`${HEAD}Content-Length: ${body.length}\r\n\r\n`)
  for (const character of body) {
    socket.write(character)
    await Bun.sleep(1)
  }
  expect(await promise).toContain('trickled@example.test')
  socket.destroy()
})

test.each([
  ['a size that is none', 'x\r\n'],
  ['a chunk that is longer than it says', '1\r\nab\r\n'],
  ['a chunk without its end', '1\r\na0\r\n'],
  ['a bare line feed', '1\na\r\n'],
])('%s is 400 here as on every other route, and the connection ends', async (_, chunks) => {
  const answer = await send(CHUNKED + chunks, { untilClosed: true })
  expect([answer.status, answer.isClosed]).toEqual([400, true])
  expect(answer.text).toContain('"code":"BAD_REQUEST"')
})

test('a body that is not whole in time is 408, as on every other route', async () => {
  const authorization = `Authorization: Bearer ${bench.newPat()}\r\n`
  const other = HEAD.replace('/api/auth/sign-in/email', '/api/repos') + authorization
  for (const head of [HEAD, other]) {
    const answer = await send(`${head}Content-Length: 100\r\n\r\n{`, { untilClosed: true })
    expect([answer.status, answer.isClosed]).toEqual([408, true])
  }
})

test('a body that grows too large is 413 before it has ended', async () => {
  const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`
  const answer = await send(CHUNKED + chunk.repeat(17), { untilClosed: true })
  expect([answer.status, answer.isClosed]).toEqual([413, true])
})

test('a client that leaves in the middle of it is no fault of ours', async () => {
  const errors: string[] = []
  await using own = await useGateway({ onError: line => void errors.push(line) } satisfies BenchOptions)
  await sendRaw(own.port, `${HEAD}Content-Length: 100\r\n\r\n{`, { limitMs: 200 })
  await sendRaw(own.port, `${CHUNKED}5\r\nab`, { limitMs: 200 })
  await Bun.sleep(200)
  expect(errors).toEqual([])
})

test('whoever is over budget is told so before the body comes', async () => {
  await using own = await useGateway({
    settings: { RATE_LIMIT_SIGNIN_IP: '1/60' },
    upstream: () => Response.json({}, { status: 401 }),
  })
  const unsent = `${HEAD}Content-Length: 1000\r\n\r\n`
  // The first one waits for its body, and is counted already.
  const waiting = sendRaw(own.port, unsent, { limitMs: 2_000 })
  await Bun.sleep(200)
  const refused = await sendRaw(own.port, unsent, { limitMs: 1_000 })
  expect([refused.status, (await waiting).text]).toEqual([429, ''])
})

test('a refusal for the e-mail costs the address nothing', async () => {
  await using own = await useGateway({
    settings: { RATE_LIMIT_SIGNIN_IP: '3/60', RATE_LIMIT_SIGNIN_EMAIL: '1/60' },
    upstream: () => Response.json({}, { status: 401 }),
  })
  const signIn = async (email: string) => {
    const body = bodyFor(email)
    const answer = await sendRaw(own.port, `${HEAD}Content-Length: ${body.length}\r\n\r\n${body}`)
    return [answer.status, /ratelimit-limit: (\d+)/.exec(answer.text)?.[1]]
  }
  expect(await signIn('a@example.test')).toEqual([401, '3'])
  for (let round = 0; round < 3; round += 1) expect(await signIn('a@example.test')).toEqual([429, '1'])
  expect(await signIn('b@example.test')).toEqual([401, '3'])
  expect(await signIn('c@example.test')).toEqual([401, '3'])
  expect(await signIn('d@example.test')).toEqual([429, '3'])
})
