/** What is asked of a remote is asked again when the remote does not answer, and what was pushed is looked for first. */
import type { GitAccess } from '@mogplex/kit/git-remote/git-access.ts'
import { PATIENT, tryAgain } from '@mogplex/kit/git-remote/try-again.ts'
import type { GitResult } from '@mogplex/kit/host-git/run-git.ts'
import { boundsOf } from './bounds.ts'
import { GitStopped, RemoteOutage, throwIfStopped } from './failure.ts'
import { type GitHost, runHostGit } from './host-git.ts'
import { isOutageResult } from './remote-failure.ts'

interface Situation {
  host: GitHost
  signal: AbortSignal
}

/**
 * `work` again and again while it throws {@link RemoteOutage}, within the patience of `host`. Throws `GitStopped` once
 * `signal` is aborted, at once also where it was waiting.
 */
export async function whileOutage<Result>(
  { host, signal }: Situation,
  work: () => Promise<Result>,
): Promise<Result> {
  const isAway = (error: unknown) => error instanceof RemoteOutage
  const patience = host.patience ?? PATIENT
  return await tryAgain(work, { isPassing: isAway, patience, signal }).catch(error => {
    // What the work itself says of how it was stopped may name what has arrived nevertheless.
    if (!(error instanceof GitStopped)) throwIfStopped(signal)
    throw error
  })
}

/** How long a remote may take to say what came of a push that was called off. */
const ASK_AFTER_STOP_MS = 2_500

interface Push extends Situation {
  mirror: string
  access: GitAccess
  branch: string
  /** Where the branch stands once the push has arrived. */
  commit: string
  /** One try. */
  push: () => Promise<GitResult>
}

/**
 * Pushes until the remote has answered. A push that broke off may have arrived: before each further try, and after
 * the last one, the remote is read, and when the branch stands at the commit the push counts as done. A remote that
 * cannot be read is not pushed to. Without `isWorthTrying` there is one try.
 */
export async function pushUntilAnswered(request: Push, isWorthTrying: boolean): Promise<GitResult> {
  const { host, signal, push } = request
  if (!isWorthTrying) return await push()
  let last: GitResult | null = null
  const attempt = async () => {
    if (last !== null && (await hasArrived(request, last))) return { ...last, exitCode: 0 }
    last = await push()
    if (isOutageResult(last)) throw new Unanswered(last)
    return last
  }
  const isPassing = (error: unknown) => error instanceof Unanswered
  try {
    return await tryAgain(attempt, { isPassing, patience: host.patience ?? PATIENT, signal })
  } catch (error) {
    if (!(error instanceof Unanswered)) throw error
    const isThere = await hasArrived(request, error.result).catch(cause => {
      if (cause instanceof Unanswered) return false
      throw cause
    })
    return isThere ? { ...error.result, exitCode: 0 } : error.result
  }
}

/** Nobody knows what has become of the push. */
class Unanswered extends Error {
  override name = 'Unanswered'
  constructor(readonly result: GitResult) {
    super('the remote did not answer')
  }
}

/** Throws {@link Unanswered} with `last` when the remote cannot be read. */
async function hasArrived(
  { host, mirror, access, branch, commit, signal }: Push,
  last: GitResult,
): Promise<boolean> {
  const ref = `refs/heads/${branch}`
  const { settings, environment: env } = access
  const args = ['ls-remote', '--quiet', '--', access.url, ref]
  const limits = boundsOf(host).ask
  // Also whoever calls it off wants to know what came of it.
  const until = signal.aborted ? AbortSignal.timeout(ASK_AFTER_STOP_MS) : signal
  const command = { host, gitDirectory: mirror, args, settings, env, signal: until, limits }
  const result = await runHostGit(command)
  if (result.exitCode !== 0) throw new Unanswered(last)
  return result.stdout.split('\n').includes(`${commit}\t${ref}`)
}
