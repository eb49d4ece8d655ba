/** What git says of a remote that did not do as asked, in words for the run's owner and without secrets. */

import { type RemoteFailureKind, remoteFailureKind } from '@mogplex/kit/git-remote/failure-kind.ts'
import type { GitResult } from '@mogplex/kit/host-git/run-git.ts'
import type { RepositorySource } from '@mogplex/proto/projects.ts'
import { GitFailure } from './failure.ts'

const MOVED = /non-fast-forward|fetch first|\(stale info\)/i
const REJECTED = /\[remote rejected\]|hook declined|protected branch/i

const REFUSED_ACCESS = 'the remote refused access'
const REASONS: Record<RemoteFailureKind, string> = {
  redirects: 'the remote redirects; the repository needs its final address',
  'asks-for-credential': REFUSED_ACCESS,
  'refuses-access': REFUSED_ACCESS,
  'unknown-host-key': "the remote's host key could not be verified",
  missing: 'the remote repository was not found',
  'untrusted-tls': 'no trusted TLS connection to the remote could be made',
  unreachable: 'the remote could not be reached',
}

/** A short reason. Git's own words are not quoted: they repeat what the remote says, which may be anything. */
export function remoteFailureReason(result: GitResult): string {
  const said = `${result.stdout}\n${result.stderr}`
  if (result.exceeded) return `the remote ${result.exceeded.text}`
  if (MOVED.test(said)) return 'the branch has moved on the remote meanwhile'
  if (REJECTED.test(said)) return 'the remote rejected the branch'
  const kind = remoteFailureKind(said)
  return kind ? REASONS[kind] : `git ended with exit code ${result.exitCode}`
}

/** The failure of a sync whose remote may not be used, or not be connected to. */
export function refusedSync(reason: string): GitFailure {
  return new GitFailure('git_sync_failed', `Git sync failed: ${reason}`)
}

/** The failure of a fetch or of creating the branch; access refused without any credential has its own code. */
export function syncFailure(result: GitResult, source: RepositorySource): GitFailure {
  const reason = remoteFailureReason(result)
  const isRefused = reason === REFUSED_ACCESS
  if (isRefused && source.auth.kind === 'none') {
    return new GitFailure(
      'credentials_missing',
      'The remote repository asks for a credential and none is stored',
    )
  }
  return isRefused
    ? new GitFailure('git_sync_failed', 'The remote refused the stored credential')
    : refusedSync(reason)
}
