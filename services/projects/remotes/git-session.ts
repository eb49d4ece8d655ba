/**
 * The surroundings git runs in when it talks to a user's remote: an empty home of its own, nobody's
 * configuration, one protocol, no prompts, no redirects, and the addresses that were vetted.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { RemoteAuth } from '@mogplex/proto/projects.ts'
import { addressFor } from './credential.ts'
import type { LocalRemote } from './parse-remote.ts'
import type { VettedRemote } from './vet-remote.ts'

export interface GitSession {
  /** Options before git's sub-command. */
  options: string[]
  /** The whole environment; nothing of ours is inherited. */
  environment: Record<string, string>
  /** The address to give git, after `--`. */
  url: string
  /** A private directory, gone when the session is. */
  home: string
}

const ASKPASS = fileURLToPath(new URL('./askpass.sh', import.meta.url))
/** Where git and ssh are; git itself may lie outside the usual places. */
const SEARCH_PATH = `${dirname(Bun.which('git') ?? '/usr/bin/git')}:/usr/local/bin:/usr/bin:/bin`
const SSH_CONNECT_SECONDS = 10

/** Runs `use` and removes the session's files afterwards, the ssh key among them, whatever happened. */
export async function withGitSession<T>(
  { remote, addresses }: VettedRemote,
  auth: RemoteAuth,
  use: (session: GitSession) => Promise<T>,
): Promise<T> {
  const home = await mkdtemp(join(tmpdir(), 'mogplex-git-'))
  try {
    const configuration = join(home, 'gitconfig')
    // upload-pack of a local repository drops -c options, so this has to be a file.
    await writeFile(configuration, remote.kind === 'local' ? safeDirectory(remote) : '')
    const options: string[] = []
    const environment: Record<string, string> = {
      PATH: SEARCH_PATH,
      LC_ALL: 'C',
      HOME: home,
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: configuration,
      GIT_CEILING_DIRECTORIES: dirname(home),
      GIT_TERMINAL_PROMPT: '0',
      GIT_ALLOW_PROTOCOL: remote.kind === 'local' ? 'file' : remote.scheme,
    }
    if (remote.kind === 'http') {
      options.push('-c', 'http.followRedirects=false')
      if (addresses) options.push('-c', `http.curloptResolve=${pin(remote, addresses)}`)
    }
    if (auth.kind === 'basic') {
      environment.GIT_ASKPASS = ASKPASS
      environment.ASKPASS_USERNAME = auth.username
      environment.ASKPASS_TOKEN = auth.token
    }
    if (remote.kind === 'ssh') {
      environment.GIT_SSH_COMMAND = await sshCommand(home, remote.host, addresses, auth)
      environment.GIT_SSH_VARIANT = 'ssh'
    }
    return await use({ options, environment, home, url: addressFor(remote, auth) })
  } finally {
    await rm(home, { recursive: true, force: true })
  }
}

/** Who owns the directory does not matter: it lies inside a root of the operator's. */
function safeDirectory({ path }: LocalRemote): string {
  const quoted = path.replaceAll('\\', '\\\\').replaceAll('"', '\\"')
  return `[safe]\n\tdirectory = "${quoted}"\n\tdirectory = "${quoted === '/' ? '' : quoted}/.git"\n`
}

/** curl's `HOST:PORT:ADDRESS,…`: the name is not looked up again. */
function pin({ host, port }: { host: string; port: number }, addresses: string[]): string {
  return `${host}:${port}:${addresses.map(address => (address.includes(':') ? `[${address}]` : address)).join(',')}`
}

/**
 * No configuration, agent or key of the account we run as. The host key is checked under the name of the
 * host against the system's known hosts; a host nobody listed there is taken as it is.
 */
async function sshCommand(
  home: string,
  host: string,
  addresses: string[] | null,
  auth: RemoteAuth,
): Promise<string> {
  const keyFile = join(home, 'key')
  if (auth.kind === 'ssh') await writeFile(keyFile, auth.privateKey, { mode: 0o600 })
  const settings = [
    'BatchMode=yes',
    'IdentitiesOnly=yes',
    'IdentityAgent=none',
    `IdentityFile=${auth.kind === 'ssh' ? keyFile : 'none'}`,
    `UserKnownHostsFile=${join(home, 'known_hosts')}`,
    'StrictHostKeyChecking=accept-new',
    `ConnectTimeout=${SSH_CONNECT_SECONDS}`,
    // The first vetted address, and the name only to recognise the host by.
    ...(addresses?.[0] ? [`HostName=${addresses[0]}`, `HostKeyAlias=${host}`] : []),
  ]
  return `ssh -F /dev/null ${settings.map(setting => `-o ${setting}`).join(' ')}`
}
