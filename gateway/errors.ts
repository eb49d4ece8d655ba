/** The answers the gateway makes itself when a request goes no further (gateway spec 11). */
import { ApiError } from '@mogplex/kit/errors.ts'
import { errorPage } from '@mogplex/kit/pages/page.ts'
import { errorBody } from '@mogplex/proto/errors.ts'
import type { Exchange } from './exchange.ts'
import { answersWithPage } from './pages.ts'

const AUTHENTICATE = 'Bearer realm="mogplex"'

/** An error in the envelope of its path, or as a page. Anything that is no {@link ApiError} tells nothing of itself. */
export function errorResponse(exchange: Exchange, error: unknown): Response {
  const known = error instanceof ApiError ? error : new ApiError('INTERNAL_ERROR', 'Internal error')
  const response = answersWithPage(exchange)
    ? errorPage(known.status, known.message)
    : Response.json(errorBody(exchange.path, known.code, known.message, known.details), {
        status: known.status,
      })
  const { headers } = response
  if (known.status === 401) headers.set('www-authenticate', AUTHENTICATE)
  if (known.retryAfterSeconds !== undefined) headers.set('retry-after', String(known.retryAfterSeconds))
  // The rest of a body that is too large is not read, so the connection cannot serve another request.
  if (known.status === 413) headers.set('connection', 'close')
  return response
}

/** 405 with what would have been allowed. */
export function methodNotAllowed(exchange: Exchange, allow: string): Response {
  const response = errorResponse(exchange, new ApiError('BAD_REQUEST', 'Method not allowed', { status: 405 }))
  response.headers.set('allow', allow)
  return response
}

/** 413 for a declared or a streamed body that is too large. */
export function bodyTooLarge(maxBytes: number): ApiError {
  return new ApiError('BAD_REQUEST', `Body exceeds ${maxBytes} bytes`, { status: 413 })
}
