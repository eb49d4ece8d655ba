/**
 * Why git could not use a remote. Read from git's exit, its porcelain output, curl's status and the lines git
 * itself wrote: never from what a server or a hook said, which may be anything.
 */
import { type GitWords, splitWords } from './git-words.ts'

export type RemoteFailureKind =
  | 'redirects'
  | 'asks-for-credential'
  | 'refuses-access'
  | 'unknown-host-key'
  | 'missing'
  | 'untrusted-tls'
  /** No connection, or one that broke off. */
  | 'unreachable'
  /** 429: the remote asks to be left alone for a while. */
  | 'throttled'
  /** 502, 503, 504. */
  | 'unavailable'
  /** 413. */
  | 'too-large'
  /** Another status of HTTP. */
  | 'http-error'
  /** Something answered that is not git: a sign-in page, a web site. */
  | 'not-git'
  /** The remote is a shallow clone. */
  | 'shallow'
  /** The remote's objects are named by SHA-256. */
  | 'sha256'
  /** The remote lacks objects of its own history. */
  | 'damaged'
  /** A push: the branch is not where it was. */
  | 'moved'
  /** A push: the remote said no to the branch. */
  | 'rejected'

export interface RemoteFailure {
  kind: RemoteFailureKind | null
  /** What HTTP answered, where git tells. */
  status: number | null
  /** Why the remote did not take the branch, e.g. `pre-receive hook declined`; null for all else. */
  rejection: string | null
  words: GitWords
}

/** May be gone in a minute; the same thing is then worth another try. */
const PASSING = new Set<RemoteFailureKind | null>(['unreachable', 'throttled', 'unavailable'])

export function isPassing(kind: RemoteFailureKind | null): boolean {
  return PASSING.has(kind)
}

/** What git said in the C locale; `stdout` only of a `git push --porcelain`. */
export function readRemoteFailure(said: { stdout?: string; stderr: string }): RemoteFailure {
  const words = splitWords(said.stderr)
  const pushed = readPorcelain(said.stdout ?? '')
  if (pushed) return { ...pushed, status: null, words }
  const status = words.own.map(httpStatus).find(found => found !== null) ?? null
  const isDamaged =
    words.own.some(line => DAMAGED.test(line)) || words.remote.some(line => ABORTED.test(line))
  const kind = isDamaged ? 'damaged' : (words.own.map(kindOfLine).find(found => found !== null) ?? null)
  return { kind, status, rejection: null, words }
}

const DAMAGED = /possible repository corruption on the remote side|git-pack-objects died/
/** Said by git's own `upload-pack`, which asks no hook. */
const ABORTED = /^aborting due to possible repository corruption on the remote side/

/** `!<TAB>from:to<TAB>[remote rejected] (reason)`, a line for each ref that was not written. */
const NOT_WRITTEN = /^!\t[^\t]*\t\[([^\]]*)\](?: \((.*)\))?$/m
const ELSEWHERE = /is at [0-9a-f]{7,64} but expected|incorrect old value|reference already exists/

function readPorcelain(stdout: string): Pick<RemoteFailure, 'kind' | 'rejection'> | null {
  const [, summary, reason = ''] = NOT_WRITTEN.exec(stdout) ?? []
  if (summary === undefined) return null
  // The remote never told what became of it.
  if (summary === 'remote failure') return { kind: 'unreachable', rejection: null }
  if (summary === 'rejected' || ELSEWHERE.test(reason)) return { kind: 'moved', rejection: reason }
  return { kind: 'rejected', rejection: reason }
}

/** The greedy middle passes over the address, which the repo's owner wrote and which may hold any words. */
const TRANSPORT = /^(?:fatal: unable to access '.*': |error: RPC failed; )(.+)$/
const STATUS = /(?:returned error: |^HTTP )(\d{3})\b/

function httpStatus(line: string): number | null {
  if (/^fatal: repository '.*' not found$/.test(line)) return 404
  const status = STATUS.exec(TRANSPORT.exec(line)?.[1] ?? '')?.[1]
  return status === undefined ? null : Number(status)
}

function kindOfLine(line: string): RemoteFailureKind | null {
  const status = httpStatus(line)
  if (status !== null) return kindOfStatus(status)
  const transport = TRANSPORT.exec(line)?.[1]
  const table = transport === undefined ? OWN_LINES : TRANSPORT_REASONS
  return table.find(([pattern]) => pattern.test(transport ?? line))?.[1] ?? null
}

function kindOfStatus(status: number): RemoteFailureKind {
  if (status >= 300 && status < 400) return 'redirects'
  switch (status) {
    case 401:
    case 403:
      return 'refuses-access'
    case 404:
    case 410:
      return 'missing'
    case 413:
      return 'too-large'
    case 429:
      return 'throttled'
    case 502:
    case 503:
    case 504:
      return 'unavailable'
    default:
      return 'http-error'
  }
}

type Patterns = readonly (readonly [RegExp, RemoteFailureKind])[]

/** curl's words, and those of the TLS library below it. */
const TRANSPORT_REASONS: Patterns = [
  [/redirect/i, 'redirects'],
  [/certificate|CAfile|self[- ]signed/i, 'untrusted-tls'],
  [
    /non-properly terminated|SSL_ERROR_SYSCALL|unexpected eof|Error in the pull function|recv error \(-(?:110|54|9)\)|SSL connection timeout/i,
    'unreachable',
  ],
  [
    /resolve|connect|Recv failure|Send failure|Empty reply|transfer closed|timed out|Timeout|too slow|HTTP\/2|stream|curl (?:5|6|7|16|18|28|52|55|56|92|95)\b/i,
    'unreachable',
  ],
  [/SSL|TLS/i, 'untrusted-tls'],
]

const OWN_LINES: Patterns = [
  [/^(?:fatal|error): could not read (?:Username|Password)/, 'asks-for-credential'],
  [/^fatal: Authentication failed for/, 'refuses-access'],
  [/^(?:[^\s:]+: Permission denied \(|Load key |error: unable to read askpass response)/, 'refuses-access'],
  [/^Host key verification failed|^@ +WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED/, 'unknown-host-key'],
  [/^fatal: mismatched algorithms: client sha1; server sha256/, 'sha256'],
  [/because shallow roots are not allowed to be updated$/, 'shallow'],
  [/ not valid: is this a git repository\?$/, 'not-git'],
  [/^fatal: .*bad line length character/, 'not-git'],
  [/^error: no DAV locking support on /, 'not-git'],
  [/^fatal: unable to update url base from redirection/, 'redirects'],
  [/^fatal: .* does not appear to be a git repository$/, 'missing'],
  [/^(?:ssh: |kex_exchange_identification: |ssh_exchange_identification: )/, 'unreachable'],
  [
    /^Connection (?:closed|reset|timed out|to \S+ (?:closed|timed out))|^client_loop: send disconnect/,
    'unreachable',
  ],
  // An answer that ends too soon.
  [/^error: \d+ bytes of (?:body are still expected|length header were received)/, 'unreachable'],
  [/^fatal: expected (?:flush after ref listing|response end packet|'packfile')/, 'unreachable'],
  [/^fatal: (?:early EOF|the remote end hung up)|unexpected disconnect while reading/, 'unreachable'],
]
