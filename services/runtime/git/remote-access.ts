/**
 * Lends a credential to one git process and takes it back. HTTP: an askpass program that reads the
 * process's environment and answers only for the host the credential belongs to, so that a redirect gets
 * nothing. SSH: a key file in a directory of its own, removed afterwards.
 */
import { chmod, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { RepositorySource } from '@mogplex/proto/projects.ts'
import type { GitHost } from './host-git.ts'
import { type RemoteAddress, remoteOrigin } from './remote-address.ts'

const ASKPASS = `#!/bin/sh
case "$1" in
  "Username for '$MOGPLEX_GIT_SCHEME://$MOGPLEX_GIT_HOST': ") printf '%s\\n' "$MOGPLEX_GIT_USERNAME" ;;
  "Password for '$MOGPLEX_GIT_SCHEME://"*"@$MOGPLEX_GIT_HOST': ") printf '%s\\n' "$MOGPLEX_GIT_TOKEN" ;;
  *) exit 1 ;;
esac
`

/** Calls `use` with the environment that lets git reach the remote; the credential is gone when it returns. */
export async function withRemoteAccess<Result>(
  host: GitHost,
  address: RemoteAddress,
  auth: RepositorySource['auth'],
  use: (env: Record<string, string>) => Promise<Result>,
): Promise<Result> {
  const env = { GIT_ALLOW_PROTOCOL: address.transport }
  if (address.transport === 'file') return await use(env)
  if (address.transport === 'ssh') return await withSshKey(host, auth, ssh => use({ ...env, ...ssh }))
  return await use({ ...env, ...(await httpAccess(host, address, auth)) })
}

async function httpAccess(
  host: GitHost,
  address: RemoteAddress,
  auth: RepositorySource['auth'],
): Promise<Record<string, string>> {
  if (auth.kind !== 'basic') return {}
  const { scheme, host: remoteHost } = remoteOrigin(address)
  return {
    GIT_ASKPASS: await askpassProgram(host),
    MOGPLEX_GIT_SCHEME: scheme,
    MOGPLEX_GIT_HOST: remoteHost,
    MOGPLEX_GIT_USERNAME: auth.username,
    MOGPLEX_GIT_TOKEN: auth.token,
  }
}

/** Written in place each time: it never changes, holds no secret, and may have been damaged. */
async function askpassProgram(host: GitHost): Promise<string> {
  const path = join(host.dataDirectory, 'git-askpass.sh')
  const file = Bun.file(path)
  if (!(await file.exists()) || (await file.text()) !== ASKPASS) {
    await mkdir(host.dataDirectory, { recursive: true, mode: 0o700 })
    const fresh = `${path}.${crypto.randomUUID()}`
    await writeFile(fresh, ASKPASS, { mode: 0o700 })
    await chmod(fresh, 0o700)
    await rename(fresh, path)
  }
  return path
}

/** Key directories this process is using. They are named after their process, `<pid>-<random>`. */
const liveKeyDirectories = new Set<string>()

async function withSshKey<Result>(
  host: GitHost,
  auth: RepositorySource['auth'],
  use: (env: Record<string, string>) => Promise<Result>,
): Promise<Result> {
  if (auth.kind !== 'ssh') return await use({ GIT_SSH_COMMAND: sshCommand(host, null) })
  const keys = join(host.dataDirectory, 'git-keys')
  await mkdir(keys, { recursive: true, mode: 0o700 })
  await removeLeftKeys(keys)
  const directory = join(keys, `${process.pid}-${crypto.randomUUID()}`)
  liveKeyDirectories.add(directory)
  try {
    await mkdir(directory, { mode: 0o700 })
    const keyFile = join(directory, 'identity')
    // ssh refuses a key whose last line is not ended.
    await writeFile(keyFile, `${auth.privateKey.trimEnd()}\n`, { mode: 0o600 })
    return await use({ GIT_SSH_COMMAND: sshCommand(host, keyFile) })
  } finally {
    await rm(directory, { recursive: true, force: true })
    liveKeyDirectories.delete(directory)
  }
}

/** A process that was killed could not take its key away; the next one does. */
async function removeLeftKeys(keys: string): Promise<void> {
  for (const name of await readdir(keys)) {
    const directory = join(keys, name)
    const pid = Number.parseInt(name, 10)
    const isInUse = pid === process.pid ? liveKeyDirectories.has(directory) : isAlive(pid)
    if (!isInUse) await rm(directory, { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** Neither the operator's ssh configuration, keys nor agent; only what the repository's owner stored. */
function sshCommand(host: GitHost, keyFile: string | null): string {
  const options = [
    'BatchMode=yes',
    'ConnectTimeout=30',
    'ServerAliveInterval=15',
    'ServerAliveCountMax=4',
    'StrictHostKeyChecking=accept-new',
    `UserKnownHostsFile=${optionPath(join(host.dataDirectory, 'known_hosts'))}`,
    'GlobalKnownHostsFile=/dev/null',
    'IdentityAgent=none',
    'IdentitiesOnly=yes',
    keyFile ? `IdentityFile=${optionPath(keyFile)}` : 'PubkeyAuthentication=no',
  ]
  return ['ssh', '-F', '/dev/null', ...options.flatMap(option => ['-o', shellQuote(option)])].join(' ')
}

/** ssh expands percent tokens in paths and splits at blanks. */
function optionPath(path: string): string {
  return `"${path.replaceAll('%', '%%')}"`
}

function shellQuote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
