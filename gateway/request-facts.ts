/**
 * What the head of a request says by itself, before anybody is asked: step 1, and the first half of step 2. The same
 * head says the same, so it is found out once for all requests of a connection that repeat it (decision 12).
 */
import { isPagePath } from '@mogplex/kit/pages/page.ts'
import type { TrustedProxies } from './client-ip.ts'
import type { GatewayRow } from './exchange.ts'
import { type FieldFacts, fieldFactsOf, type Purpose } from './field-facts.ts'
import { type GateName, gateOf } from './gates.ts'
import type { RequestHead } from './http/head.ts'
import type { Matcher, Target } from './match.ts'
import { type NormalPath, normalisePath, splitTarget } from './path.ts'

export interface RequestFactsOptions {
  match: Matcher<GatewayRow>
  isTrustedProxy: TrustedProxies
}

export class RequestFacts {
  readonly fields: FieldFacts
  /** Null when it must be refused. */
  readonly path: NormalPath | null
  /** Decoded path: decides the envelope, is never logged. */
  readonly decodedPath: string
  /** Paths that programs ask, and those that people open. */
  readonly kind: 'api' | 'page' | 'system'
  /** Null for a path nobody owns. */
  readonly target: Target<GatewayRow> | null
  readonly row: GatewayRow | undefined
  readonly gate: GateName | null
  /** What a service is asked for: path and query. */
  readonly forwardedTarget: string
  readonly #purpose: Purpose

  constructor({ method, target, headers }: RequestHead, peer: string, options: RequestFactsOptions) {
    const { path, query } = splitTarget(target)
    this.fields = fieldFactsOf(headers, peer, options.isTrustedProxy)
    this.path = normalisePath(path)
    this.forwardedTarget = (this.path?.encoded ?? '') + query
    this.decodedPath = this.path ? `/${this.path.segments.join('/')}` : path
    this.kind = kindOf(this.decodedPath)
    this.target = this.path && options.match(this.path.segments)
    this.row = this.target?.rows.get(method)
    this.gate = this.path && gateOf(this.path.segments, this.row)
    this.#purpose = purposeOf(this.decodedPath)
  }

  /** See {@link FieldFacts.forwardedAs}. */
  forwardedAs(assertion: string): string {
    return this.fields.forwardedAs(assertion, this.#purpose)
  }
}

function kindOf(path: string): RequestFacts['kind'] {
  if (path.startsWith('/api/')) return 'api'
  return isPagePath(path) ? 'page' : 'system'
}

function purposeOf(path: string): Purpose {
  if (path.startsWith('/api/auth/')) return 'sign-in'
  return path === '/login' ? 'sign-in-page' : 'other'
}
