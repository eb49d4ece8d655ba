/** Bodies that are to cost more than they are: in one-byte parts, for ever, without end, malformed. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { type RawAnswer, sendRaw } from '../../gateway/test-bench/raw-http.ts'
import { type Account, OPEN_DOORS, send, signUpWithToken } from '../system/accounts.ts'
import { type System, startSystem } from '../system/launch.ts'
import { connectRaw, type RawClient } from './raw-client.ts'

setDefaultTimeout(120_000)

const MIB = 1_048_576
const SIGN_IN = '/api/auth/sign-in/email'
const CONNECTIONS = 16
const TIMES = 8
/** As many sign-ins as are tried here, and none more. */
const SIGN_INS = 24

let system: System
let ada: Account
/** Bodies that never come; they wait for their limit while the others are tried. */
let waiting: Record<string, Promise<RawAnswer>> = {}
beforeAll(async () => {
  const env = { ...OPEN_DOORS, UPSTREAM_TIMEOUT_MS: '12000', RATE_LIMIT_SIGNIN_IP: `${SIGN_INS}/600` }
  system = await startSystem({ env })
  ada = await signUpWithToken(system)
  const wait = (path: string, token: string) =>
    sendRaw(system.port, `${headFor(path, token)}Content-Length: 100\r\n\r\n{`, { untilClosed: true })
  waiting = { 'to sign in': wait(SIGN_IN, ''), 'with a token': wait('/api/repos', ada.token) }
})
afterAll(() => system.stop())

/** Of the gateway, in MiB. */
function residentMib(): number {
  const status = readFileSync(`/proc/${system.state().processes.gateway?.pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1_024
}

const headFor = (path: string, token = ''): string =>
  `POST ${path} HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nSec-Fetch-Site: same-origin\r\n` +
  (token ? `Authorization: Bearer ${token}\r\n` : '')

/** 60 KB of a body, a byte a chunk, six times as much on the wire. */
const CHUNKS = Buffer.from('1\r\nx\r\n'.repeat(60_000))

/** Sends `times` as much. */
async function sendOneByteChunks(path: string, token: string, times: number): Promise<RawClient> {
  const client = await connectRaw(system.port)
  await client.send(`${headFor(path, token)}Transfer-Encoding: chunked\r\n\r\n`)
  for (let sent = 0; sent < times; sent += 1) await client.send(CHUNKS)
  return client
}

test.each([
  ['to sign in', SIGN_IN, () => ''],
  ['with a token', '/api/repos', () => ada.token],
])('sixteen clients send bodies in chunks of one byte %s to fill the memory', async (_, path, token) => {
  const before = residentMib()
  let most = 0
  const look = setInterval(() => {
    most = Math.max(most, residentMib())
  }, 20)
  const all = Array.from({ length: CONNECTIONS }, () => sendOneByteChunks(path, token(), TIMES))
  const clients = await Promise.all(all)
  // Read to its end, and understood as one body, which is no JSON.
  for (const client of clients) await client.send('0\r\n\r\n')
  const areAnswered = () => clients.every(client => client.received() !== '')
  expect(await waitUntil(areAnswered, { limitMs: 60_000 })).toBe(true)
  clearInterval(look)
  for (const client of clients) expect(client.received()).toStartWith('HTTP/1.1 400')
  for (const client of clients) client.close()
  // What was sent is 7 MiB of body; with an object for each byte of it, it took 20 times as much.
  expect(most - before).toBeLessThan(120)
  expect((await send(system, 'GET', '/healthz')).status).toBe(200)
})

test('a client writes a body byte by byte', async () => {
  const client = await connectRaw(system.port)
  const body = JSON.stringify({ email: 'nobody@example.test', password: 'x'.repeat(400) })
  await client.send(`${headFor(SIGN_IN)}Content-Length: ${body.length}\r\n\r\n`)
  for (const character of body) {
    await client.send(character)
    await Bun.sleep(0)
  }
  expect(await waitUntil(() => client.received() !== '', { limitMs: 20_000 })).toBe(true)
  expect(client.received()).toStartWith('HTTP/1.1 401')
  client.close()
})

test.each([
  ['to sign in', SIGN_IN, () => ''],
  ['with a token', '/api/repos', () => ada.token],
])(
  'a client sends a body without end %s: it is refused at its limit, and not read on',
  async (_, path, token) => {
    const client = await connectRaw(system.port)
    await client.send(`${headFor(path, token())}Transfer-Encoding: chunked\r\n\r\n`)
    const part = Buffer.from(`10000\r\n${'x'.repeat(65_536)}\r\n`)
    for (let sent = 0; client.received() === '' && sent < 64 * MIB; sent += part.length) {
      await client.send(part)
      await Bun.sleep(0)
    }
    expect(await waitUntil(client.isClosed, { limitMs: 20_000 })).toBe(true)
    expect(client.received()).toStartWith('HTTP/1.1 413')
  },
)

test.each(['to sign in', 'with a token'] as const)(
  'a client keeps a connection with a body that never comes %s',
  async how => {
    const answer = await waiting[how]
    expect([answer?.status, answer?.isClosed]).toEqual([408, true])
  },
)

test.each(['x\r\n', '1\r\nab\r\n', '1\na\n', '1\r\na0\r\n'])('a client sends %j to sign in', async chunks => {
  const text = `${headFor(SIGN_IN)}Transfer-Encoding: chunked\r\n\r\n${chunks}`
  const answer = await sendRaw(system.port, text, { untilClosed: true })
  expect([answer.status, answer.isClosed]).toEqual([400, true])
})

test('a client that has had its tries is refused before its body is read', async () => {
  const unsent = `${headFor(SIGN_IN)}Content-Length: 1000\r\n\r\n`
  const body = JSON.stringify({ email: 'somebody@example.test', password: 'a wrong password' })
  const whole = `${headFor(SIGN_IN)}Content-Length: ${body.length}\r\n\r\n${body}`
  for (let tried = CONNECTIONS + 7; tried < SIGN_INS; tried += 1) await sendRaw(system.port, whole)
  const answer = await sendRaw(system.port, unsent)
  expect([answer.status, answer.text.includes('"code":"RATE_LIMITED"')]).toEqual([429, true])
})
