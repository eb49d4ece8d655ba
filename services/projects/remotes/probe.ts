/** Asks a remote for its HEAD, to know that it can be read and how its branch is called (projects spec 3). */
import type { RemoteAuth } from '@mogplex/proto/projects.ts'
import { withGitSession } from './git-session.ts'
import { remoteUnreachable } from './refusals.ts'
import { type GitResult, runGit } from './run-git.ts'
import type { VettedRemote } from './vet-remote.ts'

const TIMEOUT_MS = 15_000
const MAX_OUTPUT_BYTES = 256 * 1024
const MAX_MEMORY_BYTES = 512 * 1024 ** 2

export interface ProbedRemote {
  /** The branch HEAD names, as it is written there; null for an empty repository or a detached HEAD. */
  headBranch: string | null
}

/** 400 `REMOTE_UNREACHABLE` when git cannot read the remote. Takes up to 15 s: hold no transaction open. */
export async function probeRemote(
  vetted: VettedRemote,
  auth: RemoteAuth,
  timeoutMs = TIMEOUT_MS,
): Promise<ProbedRemote> {
  const result = await withGitSession(vetted, auth, session =>
    runGit(session, ['ls-remote', '--symref', '--', session.url, 'HEAD'], {
      timeoutMs,
      maxOutputBytes: MAX_OUTPUT_BYTES,
      // A local repository is the operator's own, and its packs may be mapped whole.
      maxMemoryBytes: vetted.remote.kind === 'local' ? null : MAX_MEMORY_BYTES,
    }),
  )
  if (result.ended !== null || result.exitCode !== 0) throw remoteUnreachable(reasonOf(result, timeoutMs))
  return { headBranch: headBranchOf(result.stdout) }
}

/** `ref: refs/heads/main\tHEAD`; other lines tell refs that merely end in HEAD. */
function headBranchOf(stdout: string): string | null {
  return /^ref: refs\/heads\/(\S+)\tHEAD$/m.exec(stdout)?.[1] ?? null
}

/**
 * git's own words hold addresses and whatever the server sent; they are only looked at. The first match
 * wins, so the more precise come first.
 */
const REASONS: [RegExp, string][] = [
  [/error: 30[12378]\b|redirect/i, 'the remote redirects; use its final address'],
  [/could not read Username|could not read Password/i, 'the remote asks for a credential'],
  [
    /Authentication failed|Permission denied|error: 40[13]\b|Load key/i,
    'the remote refused the credential, or asks for one',
  ],
  [/Host key verification failed/i, "the host's key is not the one known for it"],
  [
    /not found|does not appear to be a git repository|is this a git repository|no such/i,
    'there is no repository the credential may read',
  ],
  [/certificate|SSL|TLS/i, 'no trusted TLS connection could be made'],
  [/Could not resolve|Failed to connect|Connection|timed out|unreachable/i, 'the host cannot be reached'],
]

function reasonOf({ ended, stderr }: GitResult, timeoutMs: number): string {
  if (ended === 'timeout') return `the remote did not answer within ${timeoutMs / 1_000} s`
  if (ended === 'output') return 'the remote sent too much'
  return REASONS.find(([pattern]) => pattern.test(stderr))?.[1] ?? 'git cannot read the remote'
}
