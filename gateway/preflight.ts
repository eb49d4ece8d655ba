/** OPTIONS on a known path (gateway spec 8). */
import { ApiError } from '@mogplex/kit/errors.ts'
import { errorAnswer } from './errors.ts'
import type { Exchange } from './exchange.ts'
import { type Answer, emptyAnswer } from './http/answer.ts'

const ALLOWED_HEADERS = 'authorization, content-type, idempotency-key'

/**
 * The answer to a preflight from one of `allowedOrigins`; 403 for any other. Without an `Origin` it is no
 * preflight, and only the methods are told.
 */
export function answerOptions(
  exchange: Exchange,
  origin: string | null,
  allow: string,
  allowedOrigins: ReadonlySet<string>,
): Answer {
  if (origin === null) return emptyAnswer(204, { allow })
  if (!allowedOrigins.has(origin)) {
    const refusal = errorAnswer(exchange, new ApiError('FORBIDDEN', 'Origin not allowed'))
    refusal.headers.set('vary', 'origin')
    return refusal
  }
  return emptyAnswer(204, {
    'access-control-allow-origin': origin,
    'access-control-allow-methods': allow,
    'access-control-allow-headers': ALLOWED_HEADERS,
    vary: 'origin',
  })
}
