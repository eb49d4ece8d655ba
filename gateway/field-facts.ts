/** What the header fields of a request say by themselves. They repeat more often than the whole head does. */
import {
  CLIENT_IP_HEADER,
  CLIENT_IS_LOCAL_HEADER,
  IDENTITY_HEADER,
  REQUEST_ID_HEADER,
} from '@mogplex/proto/caller.ts'
import { type PresentedPat, presentedPat } from './callers/pat.ts'
import { clientIp, type TrustedProxies } from './client-ip.ts'
import { isLocalRequest } from './client-place.ts'
import { forwardableHeaders } from './headers.ts'
import { declaredLength } from './http/framing.ts'
import type { HeaderFields } from './http/header-fields.ts'
import { acceptedRequestId } from './request-id.ts'

/** Below `/api/auth/` identity gets cookies of its own; there and for its page, whether the request is local. */
export type Purpose = 'sign-in' | 'sign-in-page' | 'other'

export class FieldFacts {
  readonly clientIp: string
  /** The client's own id for the request, where it is harmless. */
  readonly requestId: string | null
  /** Of the body; null when it was not said. */
  readonly declaredLength: number | null
  readonly #headers: HeaderFields
  #pat: PresentedPat | null | undefined
  readonly #isLocal: () => boolean
  #assertion = ''
  #purpose: Purpose = 'other'
  #forwarded = ''

  constructor(headers: HeaderFields, peer: string, isTrustedProxy: TrustedProxies) {
    this.clientIp = clientIp(peer, headers.get('x-forwarded-for'), isTrustedProxy)
    this.#isLocal = () => isLocalRequest(headers, peer, isTrustedProxy)
    this.requestId = acceptedRequestId(headers.get('x-request-id'))
    this.declaredLength = declaredLength(headers)
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
  forwardedAs(assertion: string, purpose: Purpose): string {
    if (assertion !== this.#assertion || purpose !== this.#purpose) {
      const sent = forwardableHeaders(this.#headers, purpose === 'sign-in').toText()
      const ours = `${CLIENT_IP_HEADER}: ${this.clientIp}\r\n${IDENTITY_HEADER}: ${assertion}\r\n`
      this.#assertion = assertion
      this.#purpose = purpose
      const local = purpose !== 'other' && this.#isLocal() ? `${CLIENT_IS_LOCAL_HEADER}: 1\r\n` : ''
      this.#forwarded = `${sent}${ours}${local}${REQUEST_ID_HEADER}: `
    }
    return this.#forwarded
  }
}

const known = new WeakMap<HeaderFields, FieldFacts>()

/** The same for the same fields, which are always of the same peer: a connection's. */
export function fieldFactsOf(
  headers: HeaderFields,
  peer: string,
  isTrustedProxy: TrustedProxies,
): FieldFacts {
  let facts = known.get(headers)
  if (!facts) {
    facts = new FieldFacts(headers, peer, isTrustedProxy)
    known.set(headers, facts)
  }
  return facts
}
