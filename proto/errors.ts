/**
 * The error codes clients see and the one status each goes with (gateway spec 11; v1 contract 1; the
 * refined codes of projects spec 1). Nothing else decides a status.
 */
export const STATUS_BY_CODE = {
  BAD_REQUEST: 400,
  INVALID_REMOTE: 400,
  REMOTE_UNREACHABLE: 400,
  LIMIT_REACHED: 400,
  NO_GITHUB_CONNECTION: 400,
  UNAUTHORIZED: 401,
  FORBIDDEN: 403,
  GITHUB_FORBIDDEN: 403,
  NOT_FOUND: 404,
  REPO_NOT_FOUND: 404,
  CONFLICT: 409,
  DUPLICATE_REPO: 409,
  DUPLICATE_NAME: 409,
  IDEMPOTENCY_CONFLICT: 409,
  RATE_LIMITED: 429,
  INTERNAL_ERROR: 500,
  SERVICE_UNAVAILABLE: 503,
  GITHUB_UNAVAILABLE: 503,
  GITHUB_SYNC_ERROR: 503,
} as const

export type ErrorCode = keyof typeof STATUS_BY_CODE

/** The statuses that carry a code of another family: 405, 408 and 413 are `BAD_REQUEST` (gateway spec 1). */
export type StatusOverride = 405 | 408 | 413

/** Paths under this prefix answer in the v1 envelope, all others in the internal one. */
export const V1_PREFIX = '/api/v1/mogplex'

/** True for `/api/v1/mogplex` and everything below it, per segment. */
export function isV1Path(path: string): boolean {
  return path === V1_PREFIX || path.startsWith(`${V1_PREFIX}/`)
}

/**
 * The body of an error answer in the envelope of its path (gateway spec 11).
 *
 * `details` (a field name, a limit, …) is added beside `error` in the internal envelope; the v1 envelope
 * has no room for it.
 */
export function errorBody(
  path: string,
  code: ErrorCode,
  message: string,
  details: Record<string, unknown> = {},
): Record<string, unknown> {
  return isV1Path(path) ? { ok: false, error: { code, message } } : { error: message, code, ...details }
}
