/** The listener's duties (identity spec 10): what it takes, from whom, and what it says to everything else. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { HandedToken } from './hand-off.ts'

export interface ListenerOptions {
  /** The one path that is answered. */
  path: string
  nonce: string
  /** The only origin whose page may deliver. */
  serverOrigin: string
  onToken: (handed: HandedToken) => void
  onDenied: () => void
}

/** A delivery is far smaller. */
const MAX_BODY_BYTES = 8_192
const TOKEN = /^mog_[A-Za-z0-9]{32}$/

/** Takes one delivery; whatever is wrong is refused with 400 and it keeps waiting. */
export function createListener(options: ListenerOptions): RequestListener {
  let isOver = false
  return async (request, response) => {
    const { origin } = request.headers
    const isOwnPage = origin === options.serverOrigin
    if (isOwnPage) allowOrigin(response, options.serverOrigin)
    if (request.url !== options.path) return answer(response, 404)
    if (request.method === 'OPTIONS') return isOwnPage ? answerPreflight(response) : answer(response, 403)
    if (request.method !== 'POST') return answer(response, 405, { allow: 'POST, OPTIONS' })
    if (origin !== undefined && !isOwnPage) return answer(response, 403)
    const delivery = readDelivery(await readBody(request), options.nonce)
    if (delivery === null || isOver) return answer(response, 400)
    isOver = true
    answer(response, 200)
    if (delivery === 'denied') options.onDenied()
    else options.onToken(delivery)
  }
}

function allowOrigin(response: ServerResponse, origin: string): void {
  response.setHeader('access-control-allow-origin', origin)
  response.setHeader('vary', 'origin')
}

function answerPreflight(response: ServerResponse): void {
  answer(response, 204, {
    'access-control-allow-methods': 'POST',
    'access-control-allow-headers': 'content-type',
    'access-control-allow-private-network': 'true',
  })
}

function answer(response: ServerResponse, status: number, headers: Record<string, string> = {}): void {
  // So that the server can close as soon as it has what it waits for.
  response.writeHead(status, { ...headers, connection: 'close', 'cache-control': 'no-store' })
  response.end()
}

/** The text of the body; null when it is too long or breaks off. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of request) {
      size += chunk.length
      if (size > MAX_BODY_BYTES) return null
      chunks.push(chunk)
    }
  } catch {
    return null
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Null for anything that is not the answer to this nonce. */
function readDelivery(body: string | null, nonce: string): HandedToken | 'denied' | null {
  const message = parseObject(body)
  if (!message || typeof message.nonce !== 'string' || !isSame(message.nonce, nonce)) return null
  if (message.error === 'access_denied') return 'denied'
  const { token, expiresAt } = message
  const user = asObject(message.user)
  if (typeof token !== 'string' || !TOKEN.test(token)) return null
  if (expiresAt !== null && (typeof expiresAt !== 'string' || Number.isNaN(Date.parse(expiresAt))))
    return null
  if (typeof user?.id !== 'string') return null
  const email = typeof user.email === 'string' ? user.email : null
  return { token, expiresAt, user: { id: user.id, email } }
}

function parseObject(text: string | null): Record<string, unknown> | null {
  try {
    return asObject(JSON.parse(text ?? ''))
  } catch {
    return null
  }
}

function asObject(value: unknown): Record<string, unknown> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null
}

/** In constant time, whatever the lengths. */
function isSame(given: string, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(given), digest(expected))
}
