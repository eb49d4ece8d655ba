/** GitHub's refusals as our own answers (projects spec 6.4). GitHub's words are for the log, never for clients. */
import { ApiError } from '@mogplex/kit/errors.ts'

const UNKNOWN_WAIT_SECONDS = 60

export type GithubRefusal = 'RATE_LIMITED' | 'GITHUB_FORBIDDEN' | 'NOT_FOUND' | 'GITHUB_UNAVAILABLE'

const MESSAGES: Record<GithubRefusal, string> = {
  RATE_LIMITED: 'GitHub takes no more calls for now',
  GITHUB_FORBIDDEN: 'GitHub does not allow this',
  NOT_FOUND: 'GitHub knows no such thing, or shows it to others only',
  GITHUB_UNAVAILABLE: 'GitHub does not answer as it should',
}

/** Thrown by every call to GitHub that does not bring what was asked for; an answer as it stands. */
export class GithubError extends ApiError {
  override name = 'GithubError'
  /** What GitHub said of it, without secrets; null when nothing could be read. */
  readonly said: string | null

  constructor(
    readonly refusal: GithubRefusal,
    options: { said?: string | null; retryAfterSeconds?: number; cause?: unknown } = {},
  ) {
    const { said = null, retryAfterSeconds, cause } = options
    super(refusal, MESSAGES[refusal], {
      ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
      cause: cause ?? said ?? undefined,
    })
    this.said = said
  }
}

/** 429 for `waitMs` from now; at least a second, since a client that comes back at once is refused again. */
export function rateLimited(waitMs: number | null): GithubError {
  const seconds = waitMs === null ? UNKNOWN_WAIT_SECONDS : Math.max(1, Math.ceil(waitMs / 1_000))
  return new GithubError('RATE_LIMITED', { retryAfterSeconds: seconds })
}

/** What a status other than 2xx means; rate limits are told apart before. 422 is a no to what was asked for. */
export function refusalOf(status: number): GithubRefusal {
  if (status === 401 || status === 403 || status === 422) return 'GITHUB_FORBIDDEN'
  return status === 404 ? 'NOT_FOUND' : 'GITHUB_UNAVAILABLE'
}

/** True for GitHub's own 404. */
export function isMissing(error: unknown): boolean {
  return error instanceof GithubError && error.refusal === 'NOT_FOUND'
}
