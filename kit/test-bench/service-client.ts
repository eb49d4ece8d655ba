/** Speaks to a started service as the gateway does: HTTP with a signed assertion of who is calling. */
import {
  type AuthenticationMethod,
  CLIENT_IP_HEADER,
  IDENTITY_HEADER,
  REQUEST_ID_HEADER,
  type Scope,
} from '@mogplex/proto/caller.ts'
import { GATEWAY_ISSUER, type ServiceName } from '@mogplex/proto/services.ts'
import { newId } from '../ids.ts'
import type { TestIssuers } from './issuers.ts'

/** Who the gateway says is calling. Left out: nobody (`anonymous`). */
export interface TestCaller {
  userId?: string
  /** `session` when there is a user and nothing else is said. */
  amr?: AuthenticationMethod
  /** Both when nothing is said. */
  scopes?: Scope[]
  sessionId?: string
  keyId?: string
}

export interface ServiceRequest {
  as?: TestCaller
  /** Sent as JSON. */
  json?: unknown
  /** Sent as it is; instead of `json`. */
  body?: string
  headers?: Record<string, string>
}

export type ServiceClient = (method: string, path: string, request?: ServiceRequest) => Promise<Response>

/**
 * @example
 * const call = await serviceClient({ service: 'identity', baseUrl, issuers })
 * const response = await call('PATCH', '/api/settings', { as: { userId }, json: { theme: 'light' } })
 */
export async function serviceClient(options: {
  service: ServiceName
  baseUrl: string
  issuers: TestIssuers
}): Promise<ServiceClient> {
  const sign = await options.issuers.signAs(GATEWAY_ISSUER)
  return async (method, path, { as = {}, json, body, headers = {} } = {}) => {
    const assertion = await sign(options.service, {
      amr: as.amr ?? (as.userId ? 'session' : 'anonymous'),
      scp: as.userId ? (as.scopes ?? ['read', 'write']) : [],
      ...(as.userId ? { sub: as.userId } : {}),
      ...(as.sessionId ? { sid: as.sessionId } : {}),
      ...(as.keyId ? { pat: as.keyId } : {}),
    })
    const sent = json === undefined ? body : JSON.stringify(json)
    return fetch(options.baseUrl + path, {
      method,
      redirect: 'manual',
      headers: {
        [IDENTITY_HEADER]: assertion,
        [REQUEST_ID_HEADER]: newId(),
        [CLIENT_IP_HEADER]: '192.0.2.7',
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(sent === undefined ? {} : { body: sent }),
    })
  }
}
