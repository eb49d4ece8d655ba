/**
 * The real gateway between a real NATS, an identity stand-in that answers its three questions, and upstream
 * servers given by the test. Identity is another package; here only its contract matters.
 */
import { createAssertionVerifier } from '@mogplex/kit/assertion/verifier.ts'
import { answer, serveAnswers } from '@mogplex/kit/bus/answer.ts'
import { openBus } from '@mogplex/kit/bus/connect.ts'
import { sha256Hex } from '@mogplex/kit/ids.ts'
import { createLog } from '@mogplex/kit/log.ts'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { createTestIssuers, type TestIssuers } from '@mogplex/kit/test-bench/issuers.ts'
import { type TestNats, useNats } from '@mogplex/kit/test-bench/nats.ts'
import type { Scope } from '@mogplex/proto/caller.ts'
import type { ReplyOf } from '@mogplex/proto/contract.ts'
import { getUser, resolvePat, resolveSession } from '@mogplex/proto/identity.ts'

import { ROUTES, type Route } from '@mogplex/proto/routes.ts'
import { GATEWAY_ISSUER } from '@mogplex/proto/services.ts'
import { startGateway } from '../gateway.ts'

export interface BenchOptions {
  /** Answers as each service; a raw server's URL may be given instead. */
  upstream?: (request: Request) => Response | Promise<Response>
  upstreamUrl?: string
  settings?: Record<string, string>
  /** Rows beside those of the product. */
  routes?: readonly Route[]
  /** Gets what is logged as an error; otherwise nothing is logged unless `LOG_LEVEL` says so. */
  onError?: (line: string) => void
}

export interface ReachedRequest {
  method: string
  url: string
  headers: Headers
}

export interface GatewayBench extends AsyncDisposable {
  url: string
  port: number
  nats: TestNats
  issuers: TestIssuers
  /** What reached a service, health checks left out. */
  reached: ReachedRequest[]
  /** Subjects identity was asked on. */
  asked: string[]
  accessLog: () => Record<string, unknown>[]
  newPat: (scopes?: Scope[], userId?: string) => string
  newSession: (replacementCookie?: string) => string
  newUser: (disabled?: boolean) => string
  revokeAll: () => void
  /** Takes identity off the bus for good. */
  stopIdentity: () => Promise<void>
  stopGateway: () => Promise<void>
}

/** Limits off, so that only tests of limits meet them. */
const WITHOUT_LIMITS = {
  RATE_LIMIT_PAT: '0',
  RATE_LIMIT_SESSION: '0',
  RATE_LIMIT_ANON: '0',
  RATE_LIMIT_AUTHFAIL: '0',
  RATE_LIMIT_SIGNIN_IP: '0',
  RATE_LIMIT_SIGNIN_EMAIL: '0',
  RATE_LIMIT_SIGNUP: '0',
}

export const PUBLIC_ORIGIN = 'http://mogplex.example'

export async function useGateway(options: BenchOptions = {}): Promise<GatewayBench> {
  const { onError } = options
  const log = onError
    ? createLog({ process: 'gateway-test', level: 'error', write: onError })
    : createLog({ process: 'gateway-test', level: process.env.LOG_LEVEL ?? 'silent' })
  const nats = await useNats()
  const issuers = await createTestIssuers()
  const identity = await startIdentity(nats, issuers)
  const reached: ReachedRequest[] = []
  const upstream = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    idleTimeout: 120,
    fetch: request => {
      const { pathname } = new URL(request.url)
      if (pathname === '/readyz') return new Response()
      if (pathname.startsWith('/rpc/')) return new Response(null, { status: 404 })
      // A copy: the request's own headers are gone once it is answered.
      reached.push({ method: request.method, url: request.url, headers: new Headers(request.headers) })
      return options.upstream?.(request) ?? Response.json({ ok: true })
    },
  })
  const serviceUrl = options.upstreamUrl ?? `http://127.0.0.1:${upstream.port}`
  const lines: string[] = []
  const gateway = await startGateway(
    {
      PORT: '0',
      NATS_URL: nats.url,
      IDENTITY_URL: serviceUrl,
      PROJECTS_URL: serviceUrl,
      RUNTIME_URL: serviceUrl,
      PUBLIC_BASE_URL: PUBLIC_ORIGIN,
      GATEWAY_SIGNING_KEY: issuers.environmentOf(GATEWAY_ISSUER).ASSERTION_SIGNING_KEY,
      ...WITHOUT_LIMITS,
      ...options.settings,
    },
    log,
    text => void lines.push(text),
    [...ROUTES, ...(options.routes ?? [])],
  )
  const stopGateway = async () => {
    for (const close of gateway.closers.toReversed()) await close()
  }
  const { pats, sessions, users } = identity
  const bench: GatewayBench = {
    url: gateway.url,
    port: Number(new URL(gateway.url).port),
    nats,
    issuers,
    reached,
    asked: identity.asked,
    accessLog: () =>
      lines
        .join('')
        .split('\n')
        .filter(line => line !== '')
        .map(line => JSON.parse(line)),
    newPat: (scopes = ['read', 'write'], userId = 'user-1') => {
      const token = `mog_${randomText(32)}`
      const keyId = crypto.randomUUID()
      pats.set(sha256Hex(token), { status: 'valid', userId, keyId, scopes, expiresAt: null })
      return token
    },
    newSession: replacementCookie => {
      const token = randomText(43)
      sessions.set(sha256Hex(token), {
        status: 'valid',
        userId: 'user-1',
        sessionId: 'session-1',
        expiresAt: '2100-01-01T00:00:00.000Z',
        replacementCookie: replacementCookie ?? null,
      })
      return token
    },
    newUser: (disabled = false) => {
      const id = crypto.randomUUID()
      users.set(id, disabled)
      return id
    },
    revokeAll: () => {
      pats.clear()
      sessions.clear()
    },
    stopIdentity: identity.stop,
    stopGateway,
    [Symbol.asyncDispose]: async () => {
      await stopGateway()
      await identity.stop()
      await upstream.stop(true)
      await nats.close()
    },
  }
  await waitUntil(() => isAnswering(bench), { limitMs: 25_000 })
  identity.asked.length = 0
  lines.length = 0
  return bench
}

/**
 * Both processes reach the bus in their own time after start. A token without scopes shows it: it costs no
 * budget but its own, and reaches no service.
 */
async function isAnswering(bench: GatewayBench): Promise<boolean> {
  const headers = { authorization: `Bearer ${bench.newPat([])}` }
  return (await fetch(`${bench.url}/api/repos`, { headers })).status === 403
}

const INVALID = { status: 'invalid' } as const
const SOMEBODY = {
  ...{ email: null, name: null, githubUsername: null },
  commitIdentity: { name: 'agent', email: 'agent@example.test' },
  platformAccess: { ai: true, sandbox: true },
  hostAccess: true,
}

async function startIdentity(nats: TestNats, issuers: TestIssuers) {
  const pats = new Map<string, ReplyOf<typeof resolvePat>>()
  const sessions = new Map<string, ReplyOf<typeof resolveSession>>()
  /** By id, whether disabled. */
  const users = new Map<string, boolean>()
  const asked: string[] = []
  const log = createLog({ process: 'identity-stand-in', level: 'silent' })
  const bus = openBus({ url: nats.url, serviceName: 'identity', log })
  const publicKeys = JSON.parse(issuers.environmentOf('identity').ASSERTION_PUBLIC_KEYS)
  const verify = createAssertionVerifier({ audience: 'identity', issuers: [GATEWAY_ISSUER], publicKeys })
  serveAnswers({
    bus,
    verify,
    log,
    answers: [
      answer(resolvePat, async ({ tokenHash }) => {
        asked.push(resolvePat.subject)
        return pats.get(tokenHash) ?? INVALID
      }),
      answer(resolveSession, async ({ tokenHash }) => {
        asked.push(resolveSession.subject)
        return sessions.get(tokenHash) ?? INVALID
      }),
      answer(getUser, async ({ userId }) => {
        asked.push(getUser.subject)
        const disabled = users.get(userId)
        return { user: disabled === undefined ? null : { ...SOMEBODY, id: userId, disabled } }
      }),
    ],
  })
  await waitUntil(() => bus.connection() !== null, { limitMs: 25_000 })
  return { pats, sessions, users, asked, stop: bus.close }
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

function randomText(length: number): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(length)), byte => ALPHABET[byte % 62]).join('')
}
