/** The ssh git starts for a remote. */
import type { SshFiles } from './git-access.ts'
import type { HostRemote } from './parse-remote.ts'

const DEFAULT_PORT = 22
const CONNECT_SECONDS = 10

/**
 * No configuration, agent or key of the account we run as: only the key the repo's owner stored. The host's
 * key is checked under the name of the host against the system's known hosts and our own; a host nobody
 * knows yet is taken as it is and remembered.
 */
export function sshCommand({
  remote,
  addresses,
  keyFile,
  knownHostsFile,
}: SshFiles & { remote: HostRemote; addresses: string[] | null }): string {
  const settings = [
    'BatchMode=yes',
    `ConnectTimeout=${CONNECT_SECONDS}`,
    'ServerAliveInterval=15',
    'ServerAliveCountMax=4',
    'StrictHostKeyChecking=accept-new',
    `UserKnownHostsFile=${optionPath(knownHostsFile)}`,
    'IdentityAgent=none',
    'IdentitiesOnly=yes',
    ...(keyFile === null ? ['PubkeyAuthentication=no'] : [`IdentityFile=${optionPath(keyFile)}`]),
    // The first vetted address, and the name only to recognise the host by.
    ...(addresses?.[0] ? [`HostName=${addresses[0]}`, `HostKeyAlias=${knownAs(remote)}`] : []),
  ]
  return ['ssh', '-F', '/dev/null', ...settings.flatMap(setting => ['-o', shellQuote(setting)])].join(' ')
}

/** As ssh itself writes a host in its known hosts, so that a pinned and a free connection agree. */
function knownAs({ host, port }: HostRemote): string {
  return port === DEFAULT_PORT ? host : `[${host}]:${port}`
}

/** ssh expands percent tokens in paths and splits at blanks. */
function optionPath(path: string): string {
  return `"${path.replaceAll('%', '%%')}"`
}

function shellQuote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
