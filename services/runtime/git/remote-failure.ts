/** What git says of a remote that did not do as asked, in words for the run's owner and without secrets. */

import { isPassing, type RemoteFailureKind, readRemoteFailure } from '@mogplex/kit/git-remote/failure-kind.ts'
import { quoteWords } from '@mogplex/kit/git-remote/git-words.ts'
import { adviseOnRejection } from '@mogplex/kit/git-remote/rejection.ts'
import type { GitResult } from '@mogplex/kit/host-git/run-git.ts'
import type { RepositorySource } from '@mogplex/proto/projects.ts'
import { GitFailure, RemoteOutage } from './failure.ts'

type Source = Pick<RepositorySource, 'auth' | 'cloneUrl'>

const REFUSED_ACCESS = 'the remote refused access'
const REASONS: Record<Exclude<RemoteFailureKind, 'rejected'>, string> = {
  redirects: 'the remote redirects; the repository needs its final address',
  'asks-for-credential': REFUSED_ACCESS,
  'refuses-access': REFUSED_ACCESS,
  'unknown-host-key': "the remote's host key could not be verified",
  missing: 'the remote repository was not found',
  'untrusted-tls': 'no trusted TLS connection to the remote could be made',
  unreachable: 'the remote could not be reached',
  throttled: 'the remote asks for fewer requests',
  unavailable: 'the remote is not available at the moment',
  'too-large':
    'the remote does not take a push this large; its host, or a proxy before it, must allow larger requests',
  'http-error': 'the remote answered with an error',
  'not-git':
    'the remote answered with a web page, not git: a sign-in page stands before it, or the address is that of a web site',
  shallow:
    'the remote is a shallow clone and lacks the beginning of its history; complete it there (git fetch --unshallow)',
  sha256: 'the remote names its objects by SHA-256, which is not supported; use a repository in SHA-1 format',
  damaged:
    'the remote lacks objects of its history, as a partial clone or a damaged repository does; use one that is whole (git fsck tells)',
  moved: 'the branch has moved on the remote meanwhile',
}

/** A short reason with what the remote itself said, quoted without the credential of `source`. */
export function remoteFailureReason(result: GitResult, source: Source): string {
  if (result.exceeded) return `the remote ${result.exceeded.text}`
  const { kind, status, rejection, words } = readRemoteFailure(result)
  const quoted = quoteWords(words.remote.filter(isWorthQuoting), secretsIn(source))
  const said = quoted === null ? '' : `; the remote says: "${quoted}"`
  if (kind === 'rejected') return `${rejected(rejection ?? '', words.remote, source)}${said}`
  const reason = kind ? REASONS[kind] : `git ended with exit code ${result.exitCode}`
  return `${reason}${status === null ? '' : ` (HTTP ${status})`}${said}`
}

/** What a git of ours complains of that serves a local repository without its settings. */
function isWorthQuoting(line: string): boolean {
  return line !== 'error: cannot run :: No such file or directory'
}

function rejected(rejection: string, words: string[], source: Source): string {
  const { meaning, remedy } = adviseOnRejection(rejection, words)
  const named = quoteWords([rejection], secretsIn(source))
  const exactly = named === null || named === meaning ? '' : ` (${named})`
  return `the remote rejected the branch: ${meaning}${exactly}; ${remedy}`
}

/** The failure of a delivery's push. */
export function pushFailureReason(result: GitResult, source: Source): string {
  const reason = remoteFailureReason(result, source)
  return isOutageResult(result)
    ? `${reason}. What the agent made is kept: once the remote answers, start a run on this branch with "leftovers": "resume"`
    : reason
}

/** Whether git failed of something that may be gone in a minute. */
export function isOutageResult(result: GitResult): boolean {
  if (result.exitCode === 0 || result.exceeded !== null) return false
  return isPassing(readRemoteFailure(result).kind)
}

/** The failure of a sync whose remote may not be used, or not be connected to. */
export function refusedSync(reason: string): GitFailure {
  return new GitFailure('git_sync_failed', `Git sync failed: ${reason}`)
}

/** A sync's failure for what was found out about the remote otherwise than by git's exit. */
export function syncRefusal(kind: 'sha256' | 'shallow' | 'not-git'): GitFailure {
  return refusedSync(REASONS[kind])
}

/**
 * The failure of a fetch or of creating the branch: a {@link RemoteOutage} where it may pass. Access refused without
 * any credential has its own code.
 */
export function syncFailure(result: GitResult, source: Source): GitFailure {
  const reason = remoteFailureReason(result, source)
  const isRefused = result.exceeded === null && reason.startsWith(REFUSED_ACCESS)
  const details = reason.slice(REFUSED_ACCESS.length)
  if (isRefused && source.auth.kind === 'none')
    return new GitFailure(
      'credentials_missing',
      `The remote repository asks for a credential and none is stored${details}`,
    )
  if (isRefused)
    return new GitFailure('git_sync_failed', `The remote refused the stored credential${details}`)
  // A repository of this machine does not come back by being waited for.
  const isAway = isOutageResult(result) && !/^(?:file:|\/)/i.test(source.cloneUrl)
  return isAway ? new RemoteOutage('git_sync_failed', refusedSync(reason).message) : refusedSync(reason)
}

/** Every form in which a credential may come back from a server. */
function secretsIn({ auth }: Source): string[] {
  if (auth.kind === 'ssh') return auth.privateKey.split('\n').filter(line => line.length >= 16)
  if (auth.kind !== 'basic') return []
  const login = `${auth.username}:${auth.token}`
  return [auth.token, encodeURIComponent(auth.token), Buffer.from(login).toString('base64')]
}
