import { afterAll, expect, test } from 'bun:test'
import { createServer, type Server } from 'node:net'
import { ApiError } from '@mogplex/kit/errors.ts'
import { parseRemote } from '@mogplex/kit/git-remote/parse-remote.ts'
import { remoteUnreachable } from '@mogplex/kit/git-remote/refusals.ts'
import { reservePort } from '@mogplex/kit/test-bench/ports.ts'
import { ProbeFailure, refusingAlike } from './alike.ts'
import { probeVetted } from './vet-remote.ts'

const AFTER_MS = 1_500
const servers: Server[] = []
afterAll(() => servers.map(server => server.close()))

/** A port at which `greet` is all that happens. */
function listen(greet: (socket: import('node:net').Socket) => void): Promise<number> {
  const server = createServer(socket => {
    socket.on('error', () => undefined)
    greet(socket)
  })
  servers.push(server)
  return new Promise(resolve =>
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      resolve(typeof address === 'object' && address ? address.port : 0)
    }),
  )
}

/** What is told of a remote whose host was found to be at 127.0.0.1, and after how long. */
async function told(url: string) {
  const remote = parseRemote(url, { allowHttp: true })
  const startedAt = performance.now()
  const vetted = { remote, addresses: ['127.0.0.1'] }
  const error: unknown = await probeVetted(vetted, { kind: 'none' }, AFTER_MS).catch(cause => cause)
  if (!(error instanceof ApiError)) throw error
  return { text: `${error.status} ${error.code} ${error.message}`, ms: performance.now() - startedAt }
}

test('closed, silent and foreign ports are told alike, over http, https and ssh, and not before the time', async () => {
  const [closed, silent, banner, website] = await Promise.all([
    reservePort(),
    listen(() => undefined),
    listen(socket => socket.end('220 ready\r\n')),
    listen(socket => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi')),
  ])
  const asking = await listen(socket =>
    socket.end('HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Basic realm="x"\r\ncontent-length: 0\r\n\r\n'),
  )
  const urls = [closed, silent, banner, website, asking].flatMap(port =>
    ['http://host.test', 'https://host.test', 'ssh://git@host.test'].map(
      origin => `${origin}:${port}/a/b.git`,
    ),
  )
  const all = await Promise.all(urls.map(told))
  expect(new Set(all.map(({ text }) => text)).size).toBe(1)
  expect(all[0]?.text).toStartWith('400 REMOTE_UNREACHABLE remote_url: ')
  expect(Math.min(...all.map(({ ms }) => ms))).toBeGreaterThanOrEqual(AFTER_MS - 10)
})

test('what a server says of its repositories is told at once; what git wonders about is not', async () => {
  const isTold = (scheme: 'http' | 'https' | 'ssh', said: string) =>
    refusingAlike(async () => {
      throw remoteUnreachable('as it is', new ProbeFailure(scheme, said))
    }, 1).catch(({ message }) => String(message).endsWith('as it is'))
  const words = [
    "fatal: could not read Username for 'https://host.test': terminal prompts disabled",
    "fatal: repository 'https://host.test/a/b.git/' not found",
    'fatal: Authentication failed for',
    "fatal: unable to access 'https://host.test/a/': The requested URL returned error: 503",
    'fatal: https://host.test/a/info/refs not valid: is this a git repository?',
  ]
  for (const said of words) {
    expect([said, await isTold('https', said)]).toEqual([said, true])
    expect([said, await isTold('http', said)]).toEqual([said, false])
  }
  expect(await isTold('ssh', 'git@host.test: Permission denied (publickey).')).toBe(true)
  const wonders = [
    'fatal: unable to access: SSL certificate problem: self-signed certificate',
    "fatal: unable to access: Failed to connect to host.test port 1: Couldn't connect to server",
    'ssh: connect to host host.test port 1: Connection refused',
    '',
  ]
  for (const said of wonders) expect([said, await isTold('https', said)]).toEqual([said, false])
})

test('other refusals pass as they are', async () => {
  const other = new ApiError('INVALID_REMOTE', 'no')
  await expect(refusingAlike(() => Promise.reject(other), 60_000)).rejects.toBe(other)
})
