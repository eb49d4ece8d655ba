/** Why a run cannot go on. Everything else that is thrown after a claim is a bug, and still ends the run. */
import { isDatabaseAway } from '@mogplex/kit/database/connect.ts'
import { ApiError } from '@mogplex/kit/errors.ts'
import { RemoteOutage } from '../git/failure.ts'
import type { FailureCode } from '../harnesses/harness.ts'

/** Ends the run as `failed`; `message` is short, human and free of secrets. */
export class RunFailure extends Error {
  override name = 'RunFailure'
  readonly code: FailureCode

  constructor(code: FailureCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.code = code
  }
}

/** The repo or the user is gone: there is nobody to tell of a failure, the run ends as `cancelled`. */
export class RunObsolete extends Error {
  override name = 'RunObsolete'
}

/** A service, the database or the remote does not answer; before the harness started the run can simply wait. */
export function isOutage(error: unknown): boolean {
  if (error instanceof RemoteOutage) return true
  return (error instanceof ApiError && error.code === 'SERVICE_UNAVAILABLE') || isDatabaseAway(error)
}
