/** One request on its way through the pipeline, and what the steps have found out so far. */
import type { Route } from '@mogplex/proto/routes.ts'
import type { Caller } from './callers/caller.ts'
import type { ServerRequest } from './http/server-request.ts'
import type { Charge, LimitState } from './limits/limiter.ts'
import type { RequestFacts } from './request-facts.ts'

export interface Exchange {
  readonly request: ServerRequest
  readonly facts: RequestFacts
  readonly requestId: string
  readonly clientIp: string
  /** Of the monotonic clock, ms. */
  readonly startedAt: number
  /** Decoded path: decides the envelope, is never logged. */
  path: string
  /** Pattern of the matched row, the only form in which a path is logged. */
  pattern: string | null
  caller: Caller | null
  /** `Set-Cookie` values of the gateway: a rotated or a cleared session. */
  setCookie: string | null
  /** Of the bucket that speaks for this request, sent as `RateLimit-*`. */
  limit: LimitState | null
  /** When the owning service was asked, of the monotonic clock, and how long it took to answer. */
  owner: { askedAt: number; ms: number } | null
  /** What counts as a wrong password unless it is given back. */
  guessCharges: readonly Charge[]
  /** The answer is returned but its body still comes; the access log waits for the end. */
  isUnderWay: boolean
}

/** What the gateway answers itself, whether or not any service is there. */
export type OwnAnswer = 'healthz' | 'readyz' | 'stylesheet' | 'openapi' | 'docs' | 'docsStylesheet'

/** The rows of the table, and those the gateway answers itself. */
export type GatewayRow = Route | { method: 'GET'; path: string; answeredBy: OwnAnswer }
