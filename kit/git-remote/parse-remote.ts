/**
 * Reads a `remote_url` (projects spec 3). What comes out is spelled so that git, curl, ssh and we cannot
 * disagree about its host: a host of letters, digits, dots and hyphens, no password, no query, no option.
 */
import { canonicalHost } from '../public-address.ts'
import { invalidRemote } from './refusals.ts'

/** A remote reached over the network. */
export interface HostRemote {
  kind: 'http' | 'ssh'
  /** What git is given; user name included, default port left out. */
  url: string
  scheme: 'http' | 'https' | 'ssh'
  /** As `canonicalHost` writes it: IPv6 without brackets. */
  host: string
  port: number
  /** Without leading slash. */
  path: string
}

/** A repository on this machine. */
export interface LocalRemote {
  kind: 'local'
  /** `file://` and the path. */
  url: string
  path: string
}

export type Remote = HostRemote | LocalRemote

const MAX_LENGTH = 2_000
const USER = /^[A-Za-z0-9_][A-Za-z0-9._+-]*$/
// Narrower than what URL parsers let through: it is put into ssh and curl options.
const HOST = /^(?:[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?|[0-9a-f:.]+)$/
const SSH_URL = /^ssh:\/\/(?:([^@/]*)@)?(\[[^\]]*\]|[^:/@[\]]+)(?::(\d{1,5}))?\/(.+)$/i
const SCP_LIKE = /^([^@/:]+)@(\[[^\]]*\]|[^:/@[\]]+):(.+)$/
const DEFAULT_PORT = { http: 80, https: 443, ssh: 22 } as const

/** 400 `INVALID_REMOTE` for what is none of the forms the spec names. Touches neither disk nor network. */
export function parseRemote(written: string, options: { allowHttp: boolean }): Remote {
  const text = written.trim()
  if (text.length > MAX_LENGTH) throw invalidRemote(`must have at most ${MAX_LENGTH} characters`)
  if (/\p{Cc}/u.test(text)) throw invalidRemote('must not contain control characters')
  if (text.startsWith('-')) throw invalidRemote('must not start with a hyphen')
  if (text.includes('::') || text.includes('\\')) throw invalidRemote('must not contain "::" or a backslash')
  if (/[?#]/.test(text)) throw invalidRemote('must have no query and no fragment')
  if (text.startsWith('/')) return localRemote(text)
  if (/^file:\/\//i.test(text)) return localRemote(decodePath(text.slice('file://'.length)))
  if (/^https?:\/\//i.test(text)) return parseHttp(text, options.allowHttp)
  const remote = parseSsh(text)
  if (remote) return remote
  throw invalidRemote('must be an https:// or ssh:// address, user@host:path, or an absolute path')
}

/** The remote of an absolute path; percent signs are encoded because git decodes them. */
export function localRemote(path: string): LocalRemote {
  if (!path.startsWith('/')) throw invalidRemote('a file:// address must hold an absolute path')
  return { kind: 'local', url: `file://${path.replaceAll('%', '%25')}`, path }
}

function decodePath(encoded: string): string {
  try {
    const path = decodeURIComponent(encoded)
    if (!/\p{Cc}/u.test(path)) return path
  } catch (cause) {
    throw Object.assign(invalidRemote('holds a malformed percent-encoding'), { cause })
  }
  throw invalidRemote('must not contain control characters')
}

function parseHttp(text: string, allowHttp: boolean): HostRemote {
  const url = URL.parse(text)
  if (!url) throw invalidRemote('is not a valid address')
  const scheme = url.protocol === 'https:' ? 'https' : 'http'
  if (scheme === 'http' && !allowHttp) throw invalidRemote('http:// is not allowed here, use https://')
  const authority = text.slice(text.indexOf('//') + 2).split('/')[0] ?? ''
  const beforeAt = authority.includes('@') ? authority.slice(0, authority.lastIndexOf('@')) : ''
  if (url.password !== '' || beforeAt.includes(':'))
    throw invalidRemote('must not contain a password, send it as credential')
  const path = url.pathname.slice(1)
  if (path.replaceAll('/', '') === '') throw invalidRemote('names no repository on its host')
  const host = hostOf(url.hostname)
  const port = url.port === '' ? DEFAULT_PORT[scheme] : Number(url.port)
  const user = url.username === '' ? '' : `${url.username}@`
  return {
    kind: 'http',
    url: `${scheme}://${user}${authorityOf(host, scheme, port)}/${path}`,
    scheme,
    host,
    port,
    path,
  }
}

function parseSsh(text: string): HostRemote | null {
  const url = SSH_URL.exec(text)
  if (url) {
    const [, user, written = '', port = '22', path = ''] = url
    const host = hostOf(written)
    const authority = authorityOf(host, 'ssh', portOf(port))
    const login = user === undefined ? '' : `${userOf(user)}@`
    const fields = { host, port: portOf(port), path }
    return { kind: 'ssh', scheme: 'ssh', url: `ssh://${login}${authority}/${path}`, ...fields }
  }
  const scp = text.includes('://') ? null : SCP_LIKE.exec(text)
  if (!scp) return null
  const [, user = '', written = '', path = ''] = scp
  if (path.startsWith('-')) throw invalidRemote('the path must not start with a hyphen')
  const host = hostOf(written)
  const login = `${userOf(user)}@${authorityOf(host, 'ssh', 22)}`
  return {
    kind: 'ssh',
    scheme: 'ssh',
    url: `${login}:${path}`,
    host,
    port: 22,
    path: path.replace(/^\/+/, ''),
  }
}

function hostOf(written: string): string {
  const host = canonicalHost(written)
  if (host === null || !HOST.test(host)) throw invalidRemote('has no valid host')
  return host
}

function userOf(written: string): string {
  if (written.includes(':')) throw invalidRemote('must not contain a password, send it as credential')
  if (!USER.test(written)) throw invalidRemote('has no valid user name')
  return written
}

function portOf(written: string): number {
  const port = Number(written)
  if (port < 1 || port > 65_535) throw invalidRemote('has no valid port')
  return port
}

function authorityOf(host: string, scheme: keyof typeof DEFAULT_PORT, port: number): string {
  const name = host.includes(':') ? `[${host}]` : host
  return port === DEFAULT_PORT[scheme] ? name : `${name}:${port}`
}
