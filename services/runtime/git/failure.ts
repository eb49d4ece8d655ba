/** How git work for a run can end badly (runtime spec 3.3, 3.4). */

export type GitFailureCode = 'git_sync_failed' | 'credentials_missing' | 'delivery_failed'

/** A failure of the run. `message` is short, human, free of secrets, and becomes the run's `error`. */
export class GitFailure extends Error {
  override name = 'GitFailure'
  constructor(
    readonly code: GitFailureCode,
    message: string,
    options: { cause?: unknown } = {},
  ) {
    super(message, options)
  }
}

/**
 * The remote does not answer, and may again: as often as patience allows it has been tried. Before the agent has
 * started the run can wait for it.
 */
export class RemoteOutage extends GitFailure {
  override name = 'RemoteOutage'
}

/** The work was called off (signal aborted, or `confirm` refused): not a failure of git, nothing pushed. */
export class GitStopped extends Error {
  override name = 'GitStopped'
  /** A push that was under way, of which nobody could find out in time whether it has arrived. */
  readonly mayHaveArrived: { branch: string; commit: string } | null
  constructor({ mayHaveArrived = null }: { mayHaveArrived?: GitStopped['mayHaveArrived'] } = {}) {
    super('Git work was stopped')
    this.mayHaveArrived = mayHaveArrived
  }
}

/** Throws {@link GitStopped} when the signal is aborted. */
export function throwIfStopped(signal: AbortSignal): void {
  if (signal.aborted) throw new GitStopped()
}

/** Delivery failures all start the same way, so that a reader knows the agent's work is there (spec 3.4). */
export function deliveryFailure(reason: string, cause?: unknown): GitFailure {
  return new GitFailure('delivery_failed', `The agent finished, but delivery failed: ${reason}`, { cause })
}
