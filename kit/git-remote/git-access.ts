/**
 * What git is given to reach a user's remote: one protocol, no prompts, no redirects, the addresses that
 * were vetted and no other, and a credential that is never an argument. Starts nothing and writes nothing.
 */
import { isIP } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { RemoteAuth } from '@mogplex/proto/projects.ts'
import type { GitSetting } from '../host-git/environment.ts'
import type { HostRemote, Remote } from './parse-remote.ts'
import type { ReachableRemote } from './reach-host.ts'
import { sshCommand } from './ssh-command.ts'

export interface GitAccess {
  /** The address to give git, after `--`. */
  url: string
  settings: GitSetting[]
  /** Holds the credential of an http remote. */
  environment: Record<string, string>
  /** Of files written into a local repository, whose own files have the same modes. Absent: this process's. */
  umask?: number
}

/** Absolute paths, for ssh remotes. */
export interface SshFiles {
  /** A file with the private key that only we can read; null without one. */
  keyFile: string | null
  /** Where the keys of hosts are remembered. */
  knownHostsFile: string
}

const ASKPASS = fileURLToPath(new URL('./askpass.sh', import.meta.url))

/**
 * @example
 * const { url, settings, environment } = gitAccess({ remote, addresses: ['93.184.216.34'] }, auth, files)
 * await runGit({ directory, args: ['ls-remote', '--', url], settings, environment, limits })
 */
export function gitAccess(
  { remote, addresses }: ReachableRemote,
  auth: RemoteAuth,
  files: SshFiles,
): GitAccess {
  const url = addressFor(remote, auth)
  if (remote.kind === 'local') return { url, settings: [], environment: { GIT_ALLOW_PROTOCOL: 'file' } }
  const protocol = { GIT_ALLOW_PROTOCOL: remote.scheme }
  if (remote.kind === 'http')
    return {
      url,
      settings: httpSettings(remote, addresses),
      environment: { ...protocol, ...askpass(url, auth) },
    }
  const ssh = { GIT_SSH_COMMAND: sshCommand({ ...files, remote, addresses }), GIT_SSH_VARIANT: 'ssh' }
  return { url, settings: [], environment: { ...protocol, ...ssh } }
}

/** What git is given: a user name in the address would keep it from asking for the credential's. */
export function addressFor(remote: Remote, auth: RemoteAuth): string {
  return remote.kind === 'http' && auth.kind === 'basic'
    ? remote.url.replace(/\/\/[^@/]*@/, '//')
    : remote.url
}

/** Without redirects git follows no alternates of a server either, which may name any host. */
function httpSettings(remote: HostRemote, addresses: string[] | null): GitSetting[] {
  const always: GitSetting[] = [['http.followRedirects', 'false']]
  if (addresses === null) return always
  // A proxy would look the name up itself.
  const direct: GitSetting[] = [...always, ['http.proxy', '']]
  return isIP(remote.host) ? direct : [...direct, ['http.curloptResolve', pin(remote, addresses)]]
}

/** curl's `HOST:PORT:ADDRESS,…`: the name is not looked up again. */
function pin({ host, port }: HostRemote, addresses: string[]): string {
  const list = addresses.map(address => (address.includes(':') ? `[${address}]` : address))
  return `${host}:${port}:${list.join(',')}`
}

/** `url` is without user name here, so its origin is spelled as git spells it in a prompt. */
function askpass(url: string, auth: RemoteAuth): Record<string, string> {
  if (auth.kind !== 'basic') return {}
  return {
    GIT_ASKPASS: ASKPASS,
    ASKPASS_ORIGIN: /^[a-z]+:\/\/[^/]+/.exec(url)?.[0] ?? '',
    ASKPASS_USERNAME: auth.username,
    ASKPASS_TOKEN: auth.token,
  }
}
