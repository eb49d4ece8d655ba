/** The answers the gateway makes itself when a request goes no further (gateway spec 11). */
import { ApiError } from '@mogplex/kit/errors.ts'
import { errorBody } from '@mogplex/proto/errors.ts'

const AUTHENTICATE = 'Bearer realm="mogplex"'

/** An error in the envelope of its path. Anything that is no {@link ApiError} tells nothing of itself. */
export function errorResponse(path: string, error: unknown): Response {
  const known = error instanceof ApiError ? error : new ApiError('INTERNAL_ERROR', 'Internal error')
  const headers = new Headers()
  if (known.status === 401) headers.set('www-authenticate', AUTHENTICATE)
  if (known.retryAfterSeconds !== undefined) headers.set('retry-after', String(known.retryAfterSeconds))
  // The rest of a body that is too large is not read, so the connection cannot serve another request.
  if (known.status === 413) headers.set('connection', 'close')
  const body = errorBody(path, known.code, known.message, known.details)
  return Response.json(body, { status: known.status, headers })
}

/** 405 with what would have been allowed. */
export function methodNotAllowed(path: string, allow: string): Response {
  const response = errorResponse(path, new ApiError('BAD_REQUEST', 'Method not allowed', { status: 405 }))
  response.headers.set('allow', allow)
  return response
}

/** 413 for a declared or a streamed body that is too large. */
export function bodyTooLarge(maxBytes: number): ApiError {
  return new ApiError('BAD_REQUEST', `Body exceeds ${maxBytes} bytes`, { status: 413 })
}
