/** Asks a remote for its HEAD, to know that it can be read and how its branch is called (projects spec 3). */

import { isPassing, type RemoteFailureKind, readRemoteFailure } from '@mogplex/kit/git-remote/failure-kind.ts'
import { quoteWords } from '@mogplex/kit/git-remote/git-words.ts'
import type { ReachableRemote } from '@mogplex/kit/git-remote/reach-host.ts'
import { remoteUnreachable } from '@mogplex/kit/git-remote/refusals.ts'
import { type Patience, tryAgain } from '@mogplex/kit/git-remote/try-again.ts'
import { isWebPage, TRACE_HEADERS } from '@mogplex/kit/git-remote/web-page.ts'
import { SMALL } from '@mogplex/kit/host-git/limits.ts'
import { type GitResult, runGit } from '@mogplex/kit/host-git/run-git.ts'
import type { RemoteAuth } from '@mogplex/proto/projects.ts'
import { ProbeFailure } from './alike.ts'
import { type GitSession, withGitSession } from './git-session.ts'

const TIMEOUT_MS = 15_000
const MAX_OUTPUT_BYTES = 256 * 1024
/** Somebody waits for the answer, so fewer and sooner than for a run. */
const DELAYS_MS = [500, 1_000, 2_000, 4_000]
/** The look whether a remote is shallow makes the server list all of its branches: not for longer than this. */
const SHALLOW_LOOK_MS = 3_000

export interface ProbedRemote {
  /** The branch HEAD names, as it is written there; null for an empty repository or a detached HEAD. */
  headBranch: string | null
}

/**
 * 400 `REMOTE_UNREACHABLE` when git cannot read the remote, or runs could not use it. A remote that does not answer
 * is asked again. Takes up to 15 s in all: hold no transaction open.
 */
export async function probeRemote(
  vetted: ReachableRemote,
  auth: RemoteAuth,
  timeoutMs = TIMEOUT_MS,
  patience: Partial<Patience> = {},
): Promise<ProbedRemote> {
  const deadline = performance.now() + timeoutMs
  const scheme = vetted.remote.kind === 'local' ? 'file' : vetted.remote.scheme
  return await withGitSession(vetted, auth, async session => {
    const probe: Probe = { session, isHttp: vetted.remote.kind === 'http', auth, scheme, timeoutMs, deadline }
    const stdout = await tryAgain(() => ask(probe), {
      isPassing: error => scheme !== 'file' && isPassingFailure(error),
      patience: { delaysMs: DELAYS_MS, limitMs: timeoutMs, ...patience },
    })
    if (/^[0-9a-f]{64}\t/m.test(stdout)) throw refuse(probe, 'sha256', '')
    if (scheme !== 'file' && stdout !== '') await refuseShallow(probe)
    return { headBranch: headBranchOf(stdout) }
  })
}

interface Probe {
  session: GitSession
  isHttp: boolean
  auth: RemoteAuth
  scheme: ProbeFailure['scheme']
  timeoutMs: number
  /** Of `performance.now`. */
  deadline: number
}

const ASK = ['ls-remote', '--symref', '--']

/** What git tells of HEAD. */
async function ask(probe: Probe): Promise<string> {
  const result = await start(probe, ASK)
  if (result.exceeded !== null) throw unreadable(probe, `the remote ${exceededText(probe, result)}`, result)
  const failure = readRemoteFailure({ stderr: result.stderr })
  // A page answers every address with 200, which is an empty repository to git, or sends everybody elsewhere.
  const mayBePage = result.exitCode === 0 ? result.stdout === '' : failure.kind === 'redirects'
  if (probe.isHttp && mayBePage) {
    const { stderr } = await start(probe, ASK, TRACE_HEADERS)
    if (isWebPage(stderr)) throw refuse(probe, 'not-git', result.stderr)
  }
  if (result.exitCode === 0) return result.stdout
  throw unreadable(probe, reasonOf(failure, probe.auth), result)
}

/** A shallow remote tells so in the older protocol only. One that does not answer it in time may be used. */
async function refuseShallow(probe: Probe): Promise<void> {
  const deadline = Math.min(probe.deadline, performance.now() + SHALLOW_LOOK_MS)
  const args = ['-c', 'protocol.version=0', 'ls-remote', '--']
  const { stderr } = await start({ ...probe, deadline }, args, { GIT_TRACE_PACKET: '1' })
  if (/packet: +\S+< shallow [0-9a-f]{40}$/m.test(stderr)) throw refuse(probe, 'shallow', '')
}

/** git, asked for HEAD, within what is left of the time. */
function start({ session, deadline }: Probe, args: string[], more: Readonly<Record<string, string>> = {}) {
  const left = Math.max(1, Math.round(deadline - performance.now()))
  const limits = { ...SMALL, timeoutMs: left, outputBytes: MAX_OUTPUT_BYTES }
  const environment = { ...session.environment, ...more }
  return runGit({ ...session, args: [...args, session.url, 'HEAD'], environment, limits })
}

/** `ref: refs/heads/main\tHEAD`; other lines tell refs that merely end in HEAD. */
function headBranchOf(stdout: string): string | null {
  return /^ref: refs\/heads\/(\S+)\tHEAD$/m.exec(stdout)?.[1] ?? null
}

const NOT_READABLE = 'git cannot read the remote'
const REASONS: Record<RemoteFailureKind, string> = {
  redirects: 'the remote redirects; use its final address',
  'asks-for-credential': 'the remote asks for a credential',
  'refuses-access': 'the remote refused the credential, or asks for one',
  'unknown-host-key': "the host's key is not the one known for it",
  missing: 'there is no repository the credential may read',
  'untrusted-tls': 'no trusted TLS connection could be made',
  unreachable: 'the host cannot be reached',
  throttled: 'the remote asks for fewer requests; try again in a while',
  unavailable: 'the remote is not available at the moment; try again in a while',
  'too-large': NOT_READABLE,
  'http-error': 'the remote answered with an error',
  'not-git':
    'answered with a web page, not git: a sign-in page stands before it, or the address is that of a web site',
  shallow:
    'the remote is a shallow clone and lacks the beginning of its history; complete it there (git fetch --unshallow), or use the repository it was cloned from',
  sha256: 'the remote names its objects by SHA-256, which is not supported; use a repository in SHA-1 format',
  damaged: 'the remote lacks objects of its history; use one that is whole',
  moved: NOT_READABLE,
  rejected: NOT_READABLE,
}

function reasonOf({ kind, status, words }: ReturnType<typeof readRemoteFailure>, auth: RemoteAuth): string {
  const reason = kind ? REASONS[kind] : NOT_READABLE
  const secrets = auth.kind === 'basic' ? [auth.token, encodeURIComponent(auth.token)] : []
  const said = quoteWords(words.remote, secrets)
  return `${reason}${status === null ? '' : ` (HTTP ${status})`}${said === null ? '' : `; it says: "${said}"`}`
}

/** A try has what the ones before it left; the time that is told is that of all. */
function exceededText({ timeoutMs }: Probe, { exceeded }: GitResult): string {
  return exceeded?.limit === 'time'
    ? `took longer than the ${Math.round(timeoutMs / 1_000)} s allowed here`
    : (exceeded?.text ?? '')
}

function refuse({ scheme }: Probe, kind: 'sha256' | 'shallow' | 'not-git', said: string) {
  return remoteUnreachable(REASONS[kind], new ProbeFailure(scheme, said, kind))
}

function unreadable({ scheme }: Probe, reason: string, { stderr, exceeded }: GitResult) {
  const kind = exceeded === null ? readRemoteFailure({ stderr }).kind : null
  return remoteUnreachable(reason, new ProbeFailure(scheme, stderr, kind))
}

function isPassingFailure(error: unknown): boolean {
  return error instanceof Error && error.cause instanceof ProbeFailure && isPassing(error.cause.kind)
}
