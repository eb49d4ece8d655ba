/**
 * What the head of a request says by itself, before anybody is asked: step 1, and the first half of step 2. The same
 * head says the same, so it is found out once for all requests of a connection that repeat it.
 */
import { isPagePath } from '@mogplex/kit/pages/page.ts'
import { CLIENT_IP_HEADER, IDENTITY_HEADER, REQUEST_ID_HEADER } from '@mogplex/proto/caller.ts'
import { type PresentedPat, presentedPat } from './callers/pat.ts'
import { clientIp, type TrustedProxies } from './client-ip.ts'
import type { GatewayRow } from './exchange.ts'
import { type GateName, gateOf } from './gates.ts'
import { forwardableHeaders } from './headers.ts'
import { declaredLength } from './http/framing.ts'
import type { RequestHead } from './http/head.ts'
import type { HeaderFields } from './http/header-fields.ts'
import type { Matcher, Target } from './match.ts'
import { type NormalPath, normalisePath, splitTarget } from './path.ts'
import { acceptedRequestId } from './request-id.ts'

export interface RequestFactsOptions {
  match: Matcher<GatewayRow>
  isTrustedProxy: TrustedProxies
}

export class RequestFacts {
  /** Null when it must be refused. */
  readonly path: NormalPath | null
  /** With its `?`, or empty. */
  readonly query: string
  /** Decoded path: decides the envelope, is never logged. */
  readonly decodedPath: string
  /** Paths that programs ask, and those that people open. */
  readonly kind: 'api' | 'page' | 'system'
  /** Null for a path nobody owns. */
  readonly target: Target<GatewayRow> | null
  readonly row: GatewayRow | undefined
  readonly gate: GateName | null
  readonly clientIp: string
  /** The client's own id for the request, where it is harmless. */
  readonly requestId: string | null
  /** Of the body; null when it was not said. */
  readonly declaredLength: number | null
  /** What a service is asked for. */
  readonly forwardedTarget: string
  readonly #headers: HeaderFields
  #pat: PresentedPat | null | undefined
  #forwarded: string | undefined
  #assertion = ''
  #forwardedAs = ''

  constructor({ method, target, headers }: RequestHead, peer: string, options: RequestFactsOptions) {
    const { path, query } = splitTarget(target)
    this.path = normalisePath(path)
    this.query = query
    this.forwardedTarget = (this.path?.encoded ?? '') + query
    this.declaredLength = declaredLength(headers)
    this.decodedPath = this.path ? `/${this.path.segments.join('/')}` : path
    this.kind = kindOf(this.decodedPath)
    this.target = this.path && options.match(this.path.segments)
    this.row = this.target?.rows.get(method)
    this.gate = this.path && gateOf(this.path.segments, this.row)
    this.clientIp = clientIp(peer, headers.get('x-forwarded-for'), options.isTrustedProxy)
    this.requestId = acceptedRequestId(headers.get('x-request-id'))
    this.#headers = headers
  }

  /** The access token in `Authorization`; null without one. Throws 400 for two such headers. */
  get pat(): PresentedPat | null {
    if (this.#pat === undefined) this.#pat = presentedPat(this.#headers.get('authorization'))
    return this.#pat
  }

  /**
   * The lines that a service gets to see of a caller whom `assertion` describes: the client's, and ours. The last
   * lacks its value, the request's id, which is another one each time.
   */
  forwardedAs(assertion: string): string {
    if (assertion !== this.#assertion) {
      this.#forwarded ??= forwardableHeaders(this.#headers, this.decodedPath).toText()
      this.#assertion = assertion
      this.#forwardedAs = `${this.#forwarded}${CLIENT_IP_HEADER}: ${this.clientIp}\r\n${IDENTITY_HEADER}: ${assertion}\r\n${REQUEST_ID_HEADER}: `
    }
    return this.#forwardedAs
  }
}

function kindOf(path: string): RequestFacts['kind'] {
  if (path.startsWith('/api/')) return 'api'
  return isPagePath(path) ? 'page' : 'system'
}
