/**
 * How a command line gets an access token without ever seeing a password (identity spec 10): it opens a page
 * of the server in the person's browser and waits on a port of this machine, where the page's script delivers
 * the token once the person allows it. README.md describes the protocol for other languages.
 *
 * Node's own modules only: it runs on Bun and on Node.
 */
import { randomBytes } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createListener } from './listener.ts'

/** What the page delivers. */
export interface HandedToken {
  /** `mog_` and 32 letters and digits. */
  token: string
  /** ISO-8601 UTC; null: never. */
  expiresAt: string | null
  user: { id: string; email: string | null }
}

export interface HandOffOptions {
  /** Of the server, e.g. `http://localhost:8787`. */
  serverUrl: string
  /** By which the person will know the token; `Mogplex CLI` by default. */
  name?: string
  /** Five minutes by default, and at most. */
  timeoutMs?: number
}

export interface HandOff {
  /** To open in the person's browser, or to print for them. */
  url: string
  /**
   * The token, once. Rejects with {@link HandOffError} when the person cancels, the time is over, or
   * {@link HandOff.close} is called.
   */
  token: Promise<HandedToken>
  /** Stops waiting. */
  close: () => void
}

/** Why there is no token. */
export class HandOffError extends Error {
  override name = 'HandOffError'
  constructor(
    readonly reason: 'denied' | 'timed-out' | 'closed',
    message: string,
  ) {
    super(message)
  }
}

const MAX_WAIT_MS = 300_000
const PATH = '/callback'

/**
 * Starts to listen on a random port of the loopback address.
 *
 * @example
 * const { url, token } = await startHandOff({ serverUrl: 'http://localhost:8787' })
 * console.log(`Open ${url}`)
 * await storeToken(file, await token)
 */
export async function startHandOff({
  serverUrl,
  name,
  timeoutMs = MAX_WAIT_MS,
}: HandOffOptions): Promise<HandOff> {
  const serverOrigin = new URL(serverUrl).origin
  const nonce = randomBytes(32).toString('base64url')
  const outcome = Promise.withResolvers<HandedToken>()
  // Whoever only prints the URL must not be ended by a rejection it has not come to yet.
  outcome.promise.catch(() => undefined)
  const fail = (reason: HandOffError['reason'], message: string) =>
    outcome.reject(new HandOffError(reason, message))

  const server = createServer(
    createListener({
      ...{ path: PATH, nonce, serverOrigin },
      onToken: outcome.resolve,
      onDenied: () => fail('denied', 'The request was cancelled in the browser.'),
    }),
  )
  const port = await listenOnLoopback(server)
  const timer = setTimeout(
    () => fail('timed-out', 'Nobody answered in the browser in time.'),
    Math.min(timeoutMs, MAX_WAIT_MS),
  )
  const end = () => {
    clearTimeout(timer)
    server.close()
  }
  outcome.promise.then(end, end)

  const url = new URL('/cli-auth', serverUrl)
  url.searchParams.set('callback', `http://127.0.0.1:${port}${PATH}`)
  url.searchParams.set('nonce', nonce)
  if (name !== undefined) url.searchParams.set('name', name)
  return { url: url.href, token: outcome.promise, close: () => fail('closed', 'The hand-off was given up.') }
}

function listenOnLoopback(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
}
