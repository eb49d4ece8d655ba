/** OPTIONS on a known path (gateway spec 8). */
import { ApiError } from '@mogplex/kit/errors.ts'

const ALLOWED_HEADERS = 'authorization, content-type, idempotency-key'

/**
 * The answer to a preflight from one of `allowedOrigins`; 403 for any other. Without an `Origin` it is no
 * preflight, and only the methods are told.
 */
export function answerOptions(
  origin: string | null,
  allow: string,
  allowedOrigins: ReadonlySet<string>,
): Response {
  if (origin === null) return new Response(null, { status: 204, headers: { allow } })
  if (!allowedOrigins.has(origin)) throw new ApiError('FORBIDDEN', 'Origin not allowed')
  return new Response(null, {
    status: 204,
    headers: {
      'access-control-allow-origin': origin,
      'access-control-allow-methods': allow,
      'access-control-allow-headers': ALLOWED_HEADERS,
      vary: 'origin',
    },
  })
}
