/** What every route knows about its request: the asserted caller and the request id. */
import {
  type AssertionClaims,
  CLIENT_IP_HEADER,
  CLIENT_IS_LOCAL_HEADER,
  IDENTITY_HEADER,
  REQUEST_ID_HEADER,
} from '@mogplex/proto/caller.ts'
import { Elysia } from 'elysia'
import type { AssertionVerifier } from '../assertion/verifier.ts'
import { ApiError } from '../errors.ts'

export interface RequestContext {
  caller: AssertionClaims
  requestId: string
  /** As the gateway saw it; null when the header is missing. */
  clientIp: string | null
  /** Made on the gateway's own machine; false on routes where the gateway does not say. */
  isLocal: boolean
}

/**
 * A plugin that verifies the gateway's assertion before any route of the plugin that uses it runs: 401
 * `UNAUTHORIZED` without a good one. Routes get `context` ({@link RequestContext}).
 */
export function requestContext(verify: AssertionVerifier) {
  return new Elysia({ name: 'request-context' }).derive({ as: 'scoped' }, async ({ request }) => {
    const context: RequestContext = {
      caller: await verify(request.headers.get(IDENTITY_HEADER)),
      requestId: request.headers.get(REQUEST_ID_HEADER) ?? '',
      clientIp: request.headers.get(CLIENT_IP_HEADER),
      isLocal: request.headers.get(CLIENT_IS_LOCAL_HEADER) === '1',
    }
    return { context }
  })
}

/** The id of the user who calls; 401 when the caller is not a user. */
export function userIdOf(context: RequestContext): string {
  if (!context.caller.sub) throw new ApiError('UNAUTHORIZED', 'Unauthorized')
  return context.caller.sub
}
