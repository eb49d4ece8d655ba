/** What a remote says about the repository behind it: whether two are the same, and a name (projects spec 3). */
import type { HostRemote, Remote } from '@mogplex/kit/git-remote/parse-remote.ts'
import { sha256Hex } from '@mogplex/kit/ids.ts'

const MAX_NAME_LENGTH = 100

/**
 * Equal for two remotes that are the same repository: the host is in lower case already, and a trailing `/`
 * or `.git` makes no difference. A local path is real, so two different ones are two repositories.
 */
export function remoteKey(remote: Remote): string {
  return sha256Hex(remote.kind === 'local' ? remote.url : remote.url.replace(/(?:\/|\.git)+$/, ''))
}

/** True when a secret stored for one may be sent to the other: same protocol, host and port. */
export function isSameHost(one: Remote, other: Remote): boolean {
  if (one.kind === 'local' || other.kind === 'local') return one.kind === other.kind
  return one.scheme === other.scheme && one.host === other.host && one.port === other.port
}

/** `owner/name` for a repository whose user gave none. */
export function defaultFullName(remote: Remote): string {
  const segments = segmentsOf(remote.path)
  const name = namePart(segments.at(-1) ?? '')
  return `${remote.kind === 'local' ? 'local' : ownerOf(remote, segments)}/${name}`
}

/** A repository at the root of its host is owned by the host. */
function ownerOf(remote: HostRemote, segments: string[]): string {
  return namePart(segments.at(-2) ?? remote.host)
}

function segmentsOf(path: string): string[] {
  const segments = path.split('/').filter(segment => segment !== '')
  // The inside of a work tree is named by the work tree.
  const last = segments.length > 1 && segments.at(-1) === '.git' ? segments.pop() : undefined
  return last === undefined ? segments.with(-1, (segments.at(-1) ?? '').replace(/\.git$/, '')) : segments
}

function namePart(segment: string): string {
  const name = segment.replace(/[^A-Za-z0-9_.-]/g, '-').slice(0, MAX_NAME_LENGTH)
  return name === '' || name === '.' || name === '..' ? name.replaceAll('.', '-') || '-' : name
}
