/** Why git could not use a remote, as far as its words tell. */

export type RemoteFailureKind =
  | 'redirects'
  | 'asks-for-credential'
  | 'refuses-access'
  | 'unknown-host-key'
  | 'missing'
  | 'untrusted-tls'
  | 'unreachable'

/** The first match wins, so the more precise come first. */
const PATTERNS: [RegExp, RemoteFailureKind][] = [
  [/error: 30[12378]\b|redirect/i, 'redirects'],
  [/could not read (Username|Password)/i, 'asks-for-credential'],
  [
    /Authentication failed|Permission denied|error: 40[13]\b|Load key|unable to read askpass response/i,
    'refuses-access',
  ],
  [/Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED/i, 'unknown-host-key'],
  [
    /not found|does not appear to be a git repository|is this a git repository|does not exist|no such/i,
    'missing',
  ],
  [/certificate|SSL|TLS/i, 'untrusted-tls'],
  [
    /could not resolve|failed to connect|couldn't connect|connection|timed out|unreachable|too slow|no route to host|early EOF|hung up/i,
    'unreachable',
  ],
]

/**
 * Null when git says nothing known. `said` is git's output in the C locale: it holds addresses and whatever
 * the server sent, so it is looked at here and never shown.
 */
export function remoteFailureKind(said: string): RemoteFailureKind | null {
  return PATTERNS.find(([pattern]) => pattern.test(said))?.[1] ?? null
}
