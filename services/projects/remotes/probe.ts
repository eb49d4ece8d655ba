/** Asks a remote for its HEAD, to know that it can be read and how its branch is called (projects spec 3). */

import { type RemoteFailureKind, remoteFailureKind } from '@mogplex/kit/git-remote/failure-kind.ts'
import type { ReachableRemote } from '@mogplex/kit/git-remote/reach-host.ts'
import { remoteUnreachable } from '@mogplex/kit/git-remote/refusals.ts'
import { SMALL } from '@mogplex/kit/host-git/limits.ts'
import { type GitResult, runGit } from '@mogplex/kit/host-git/run-git.ts'
import type { RemoteAuth } from '@mogplex/proto/projects.ts'
import { ProbeFailure } from './alike.ts'
import { withGitSession } from './git-session.ts'

const TIMEOUT_MS = 15_000
const MAX_OUTPUT_BYTES = 256 * 1024

export interface ProbedRemote {
  /** The branch HEAD names, as it is written there; null for an empty repository or a detached HEAD. */
  headBranch: string | null
}

/** 400 `REMOTE_UNREACHABLE` when git cannot read the remote. Takes up to 15 s: hold no transaction open. */
export async function probeRemote(
  vetted: ReachableRemote,
  auth: RemoteAuth,
  timeoutMs = TIMEOUT_MS,
): Promise<ProbedRemote> {
  const limits = { ...SMALL, timeoutMs, outputBytes: MAX_OUTPUT_BYTES }
  const result = await withGitSession(vetted, auth, session => {
    const args = ['ls-remote', '--symref', '--', session.url, 'HEAD']
    return runGit({ ...session, args, limits })
  })
  if (result.exceeded !== null || result.exitCode !== 0) {
    const scheme = vetted.remote.kind === 'local' ? 'file' : vetted.remote.scheme
    throw remoteUnreachable(reasonOf(result), new ProbeFailure(scheme, result.stderr))
  }
  return { headBranch: headBranchOf(result.stdout) }
}

/** `ref: refs/heads/main\tHEAD`; other lines tell refs that merely end in HEAD. */
function headBranchOf(stdout: string): string | null {
  return /^ref: refs\/heads\/(\S+)\tHEAD$/m.exec(stdout)?.[1] ?? null
}

const REASONS: Record<RemoteFailureKind, string> = {
  redirects: 'the remote redirects; use its final address',
  'asks-for-credential': 'the remote asks for a credential',
  'refuses-access': 'the remote refused the credential, or asks for one',
  'unknown-host-key': "the host's key is not the one known for it",
  missing: 'there is no repository the credential may read',
  'untrusted-tls': 'no trusted TLS connection could be made',
  unreachable: 'the host cannot be reached',
}

function reasonOf({ exceeded, stderr }: GitResult): string {
  if (exceeded !== null) return `the remote ${exceeded.text}`
  const kind = remoteFailureKind(stderr)
  return kind ? REASONS[kind] : 'git cannot read the remote'
}
