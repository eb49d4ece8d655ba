/**
 * The one error type. Throw it where the fact is known; `kit/http` and `kit/bus` turn it into an answer in
 * one place each. Any other thrown value is a bug and becomes `INTERNAL_ERROR` with a fixed text.
 */
import { type ErrorCode, STATUS_BY_CODE, type StatusOverride } from '@mogplex/proto/errors.ts'

export interface ApiErrorOptions {
  /** 405 and 413 carry the code BAD_REQUEST (gateway spec 1). */
  status?: StatusOverride
  /** Seconds, sent as `Retry-After`. */
  retryAfterSeconds?: number
  /** Extra members beside `error` in the internal envelope. */
  details?: Record<string, unknown>
  /** What really happened; logged, never sent. */
  cause?: unknown
}

export class ApiError extends Error {
  readonly code: ErrorCode
  readonly status: number
  readonly retryAfterSeconds: number | undefined
  readonly details: Record<string, unknown>

  /** `message` is public: it reaches the client as it is. */
  constructor(code: ErrorCode, message: string, options: ApiErrorOptions = {}) {
    super(message, { cause: options.cause })
    this.name = 'ApiError'
    this.code = code
    this.status = options.status ?? STATUS_BY_CODE[code]
    this.retryAfterSeconds = options.retryAfterSeconds
    this.details = options.details ?? {}
  }
}

/** 400 with a message that names what is wrong. */
export function badRequest(message: string, details?: Record<string, unknown>): ApiError {
  return new ApiError('BAD_REQUEST', message, details ? { details } : {})
}

/** 404, the same for unknown, foreign and malformed ids. */
export function notFound(message = 'Not found'): ApiError {
  return new ApiError('NOT_FOUND', message)
}

/** 503 for a peer that does not answer; the client may try again after `retryAfterSeconds`. */
export function unavailable(
  message: string,
  options: { retryAfterSeconds?: number; cause?: unknown } = {},
): ApiError {
  return new ApiError('SERVICE_UNAVAILABLE', message, { retryAfterSeconds: 5, ...options })
}
