/** Which kinds of clone URL there are, and what of them may be shown (projects spec 3). */
import { isAbsolute } from 'node:path'

export type RemoteTransport = 'https' | 'http' | 'ssh' | 'file'

export interface RemoteAddress {
  url: string
  transport: RemoteTransport
  /** For `file`: the directory. */
  path: string | null
}

const CONTROL = /[\p{Cc}]/u
const SCP_LIKE = /^[A-Za-z0-9_.-]+@[A-Za-z0-9.-]+:[^:]/

/**
 * Reads a clone URL, or null for anything but https, http, ssh, `user@host:path`, `file://` and absolute
 * paths. Whether http is allowed at all was decided when the repository was imported.
 */
export function parseRemoteAddress(url: string): RemoteAddress | null {
  if (CONTROL.test(url) || url.startsWith('-') || url.includes('::')) return null
  if (url.startsWith('file:///'))
    return { url, transport: 'file', path: decodePath(url.slice('file://'.length)) }
  if (isAbsolute(url)) return { url, transport: 'file', path: url }
  for (const transport of ['https', 'http', 'ssh'] as const) {
    if (url.startsWith(`${transport}://`)) return isPlain(url) ? { url, transport, path: null } : null
  }
  return SCP_LIKE.test(url) ? { url, transport: 'ssh', path: null } : null
}

/** A password in an address would end up in arguments and configuration. */
function isPlain(url: string): boolean {
  return URL.canParse(url) && new URL(url).password === ''
}

/** Git decodes percent signs in `file://` too; a stray one stays as it is. */
function decodePath(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

/** Scheme and `host[:port]` of an http(s) address, spelled as git spells them in a credential prompt. */
export function remoteOrigin(address: RemoteAddress): { scheme: string; host: string } {
  const [scheme = '', rest = ''] = address.url.split('://')
  const authority = rest.split(/[/?#]/)[0] ?? ''
  return { scheme, host: authority.slice(authority.lastIndexOf('@') + 1) }
}
