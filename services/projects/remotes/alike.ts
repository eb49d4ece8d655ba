/**
 * Hosts that a user may not look at from here: whether there is one behind a name or an address, and which of its
 * ports are open, is not told, neither by what is answered nor by when. Only a server that is known for what it is
 * is quoted: over https with a certificate that is trusted, which tells by itself that it is there, or over ssh.
 */
import { ApiError } from '@mogplex/kit/errors.ts'
import { type RemoteFailureKind, readRemoteFailure } from '@mogplex/kit/git-remote/failure-kind.ts'
import { remoteUnreachable } from '@mogplex/kit/git-remote/refusals.ts'

/** When all refusals but those of a server are told, and so how long a server may take. */
export const ALIKE_AFTER_MS = 10_000

/** Why git could not read a remote: the `cause` of the refusal. */
export class ProbeFailure extends Error {
  override name = 'ProbeFailure'
  constructor(
    readonly scheme: 'http' | 'https' | 'ssh' | 'file',
    /** git's words. They hold addresses and what a server sent: never shown. */
    readonly said: string,
    /** What was found out from that, or otherwise. */
    readonly kind: RemoteFailureKind | null = readRemoteFailure({ stderr: said }).kind,
  ) {
    super('git could not read the remote')
  }
}

/** `work` looks a host up or asks it; what is wrong with it, unless a server said so, is one and the same 400. */
export async function refusingAlike<T>(work: () => Promise<T>, afterMs = ALIKE_AFTER_MS): Promise<T> {
  const startedAt = performance.now()
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 'REMOTE_UNREACHABLE' || isSaidByServer(error.cause))
      throw error
    await Bun.sleep(Math.max(0, afterMs - (performance.now() - startedAt)))
    throw Object.assign(remoteUnreachable(CANNOT_BE_READ), { cause: error })
  }
}

const CANNOT_BE_READ =
  'no repository could be read there; private networks are for users with host access, which the operator grants'

const SAID_BY_SERVERS = new Set<RemoteFailureKind | null>([
  'redirects',
  'asks-for-credential',
  'refuses-access',
  'unknown-host-key',
  'missing',
  'throttled',
  'unavailable',
  'http-error',
  'not-git',
  'shallow',
  'sha256',
])

function isSaidByServer(cause: unknown): boolean {
  if (!(cause instanceof ProbeFailure) || cause.scheme === 'http') return false
  return SAID_BY_SERVERS.has(cause.kind)
}
