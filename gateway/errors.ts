/** The answers the gateway makes itself when a request goes no further (gateway spec 11). */
import { ApiError, badRequest } from '@mogplex/kit/errors.ts'
import { renderErrorPage } from '@mogplex/kit/pages/page.ts'
import { errorBody } from '@mogplex/proto/errors.ts'
import type { Exchange } from './exchange.ts'
import { type Answer, jsonAnswer, textAnswer } from './http/answer.ts'
import { answersWithPage } from './pages.ts'

const AUTHENTICATE = 'Bearer realm="mogplex"'

/** An error in the envelope of its path, or as a page. Anything that is no {@link ApiError} tells nothing of itself. */
export function errorAnswer(exchange: Exchange, error: unknown): Answer {
  const known = error instanceof ApiError ? error : new ApiError('INTERNAL_ERROR', 'Internal error')
  const answer = answersWithPage(exchange)
    ? textAnswer(known.status, 'text/html; charset=utf-8', renderErrorPage(known.status, known.message).text)
    : jsonAnswer(known.status, errorBody(exchange.path, known.code, known.message, known.details))
  const { headers } = answer
  if (known.status === 401) headers.set('www-authenticate', AUTHENTICATE)
  if (known.retryAfterSeconds !== undefined) headers.set('retry-after', String(known.retryAfterSeconds))
  return answer
}

/** 405 with what would have been allowed. */
export function methodNotAllowed(exchange: Exchange, allow: string): Answer {
  const answer = errorAnswer(exchange, new ApiError('BAD_REQUEST', 'Method not allowed', { status: 405 }))
  answer.headers.set('allow', allow)
  return answer
}

/** 413 for a declared or a streamed body that is too large. */
export function bodyTooLarge(maxBytes: number): ApiError {
  return new ApiError('BAD_REQUEST', `Body exceeds ${maxBytes} bytes`, { status: 413 })
}

/** 408 for a body that is not whole in time. */
export function bodyTooSlow(): ApiError {
  return new ApiError('BAD_REQUEST', 'The body took too long', { status: 408 })
}

/** 400 for a body whose framing is broken. */
export function malformedBody(): ApiError {
  return badRequest('Malformed body')
}
