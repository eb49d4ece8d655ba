/** What git says of a remote that did not do as asked, in words for the run's owner and without secrets. */
import type { RepositorySource } from '@mogplex/proto/projects.ts'
import { GitFailure } from './failure.ts'
import type { HostGitResult } from './host-git.ts'

const REFUSED =
  /could not read (Username|Password)|Authentication failed|Permission denied|returned error: 40[13]|unable to read askpass response/i
const UNKNOWN_HOST_KEY = /host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED/i
const MISSING = /not found|does not appear to be a git repository|does not exist|returned error: 404/i
const UNREACHABLE =
  /could not resolve|connection (refused|reset|timed out)|failed to connect|couldn't connect|network is unreachable|operation too slow|no route to host|early EOF|hung up/i
const MOVED = /non-fast-forward|fetch first|\(stale info\)/i
const REJECTED = /\[remote rejected\]|hook declined|protected branch/i

/** A short reason. Git's own words are not quoted: they repeat what the remote says, which may be anything. */
export function remoteFailureReason(result: HostGitResult): string {
  const said = `${result.stdout}\n${result.stderr}`
  if (result.timedOut) return 'the remote took too long to answer'
  if (MOVED.test(said)) return 'the branch has moved on the remote meanwhile'
  if (REJECTED.test(said)) return 'the remote rejected the branch'
  if (UNKNOWN_HOST_KEY.test(said)) return "the remote's host key could not be verified"
  if (REFUSED.test(said)) return 'the remote refused access'
  if (MISSING.test(said)) return 'the remote repository was not found'
  if (UNREACHABLE.test(said)) return 'the remote could not be reached'
  return `git ended with exit code ${result.exitCode}`
}

/** The failure of a fetch or of creating the branch; access refused without any credential has its own code. */
export function syncFailure(result: HostGitResult, source: RepositorySource): GitFailure {
  const reason = remoteFailureReason(result)
  const isRefused = reason === 'the remote refused access'
  if (isRefused && source.auth.kind === 'none') {
    return new GitFailure(
      'credentials_missing',
      'The remote repository asks for a credential and none is stored',
    )
  }
  return new GitFailure(
    'git_sync_failed',
    isRefused ? 'The remote refused the stored credential' : `Git sync failed: ${reason}`,
  )
}
