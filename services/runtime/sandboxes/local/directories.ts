/**
 * Where sandboxes lie on the host:
 *
 *   <dataDirectory>/sandboxes/<id>/workspace, home   the sandbox's own, owned by its user
 *                                 /etc               account and host names, shown read-only
 *                                 /run               sockets of running processes
 *
 * All are 0700; those above workspace and home belong to this process's user.
 */
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isUuid } from '@mogplex/kit/validation.ts'
import { AGENT_HOME_PATH } from '../provider.ts'

export interface SandboxDirectories {
  root: string
  workspace: string
  home: string
  etc: string
  run: string
}

/** The user of a sandbox's processes, by numbers that need no account on the host. */
export interface AgentUser {
  uid: number
  gid: number
}

/** Of the range Debian keeps for allocations like this one (policy 9.2.2). */
const FIRST_AGENT_UID = 64_000
const AGENT_UIDS = 1000

/**
 * As root, a user of its own for each sandbox, always the same one: limits on processes and kernel
 * keyrings are counted by user. Two sandboxes may draw the same number; files are still apart then.
 * Otherwise this process's user, which is all an unprivileged user namespace can offer.
 */
export function agentUser(sandboxId: string): AgentUser {
  const uid = process.getuid?.() ?? 0
  if (uid !== 0) return { uid, gid: process.getgid?.() ?? uid }
  const own = FIRST_AGENT_UID + (Bun.hash.crc32(sandboxId.toLowerCase()) % AGENT_UIDS)
  return { uid: own, gid: own }
}

/** Throws unless the id is a UUID: it becomes a path. */
export function sandboxDirectories(dataDirectory: string, sandboxId: string): SandboxDirectories {
  if (!isUuid(sandboxId)) throw new Error(`not a sandbox id: ${JSON.stringify(sandboxId)}`)
  const root = join(dataDirectory, 'sandboxes', sandboxId.toLowerCase())
  return {
    root,
    workspace: join(root, 'workspace'),
    home: join(root, 'home'),
    etc: join(root, 'etc'),
    run: join(root, 'run'),
  }
}

export function makeDirectories(directories: SandboxDirectories, user: AgentUser): void {
  for (const path of [directories.root, directories.etc, directories.run]) {
    mkdirSync(path, { recursive: true, mode: 0o700 })
  }
  writeAccounts(directories.etc, user)
  // `workspace` last: its existence says that the sandbox is complete.
  for (const path of [directories.home, directories.workspace]) {
    mkdirSync(path, { recursive: true, mode: 0o700 })
    chmodSync(path, 0o700)
    giveTo(path, user)
  }
}

export function haveDirectories(directories: SandboxDirectories): boolean {
  return existsSync(directories.workspace)
}

/** Sockets of processes that ended with their runtime. None of the sandbox's processes may be alive. */
export function removeSockets(directories: SandboxDirectories): void {
  if (!existsSync(directories.run)) return
  for (const name of readdirSync(directories.run)) rmSync(join(directories.run, name), { force: true })
}

/**
 * `inBackground`: prefix of a command that may remove whatever an agent can leave behind. A process of its own:
 * a million files, or directories a hundred thousand deep, must not hold up this one.
 */
export async function removeDirectories({ root }: SandboxDirectories, inBackground: string[]): Promise<void> {
  if (!existsSync(root)) return
  const argv = [...inBackground, 'rm', '-rf', '--one-file-system', '--', root]
  const child = Bun.spawn(argv, { cwd: '/', stdin: 'ignore', stdout: 'ignore', stderr: 'pipe' })
  const [stderr, code] = await Promise.all([new Response(child.stderr).text(), child.exited])
  if (code !== 0)
    throw new Error(`the files of a sandbox could not be removed: ${stderr.slice(-1_000).trim()}`)
}

/** Makes the sandbox's user the owner; as an ordinary user this process is that already. */
export function giveTo(path: string, user: AgentUser): void {
  if (process.getuid?.() === 0) chownSync(path, user.uid, user.gid)
}

/** Files of `etc`, shown under the same names in /etc. */
export const ACCOUNT_FILES = ['passwd', 'group', 'hosts', 'nsswitch.conf'] as const

function writeAccounts(etc: string, { uid, gid }: AgentUser): void {
  const files: Record<(typeof ACCOUNT_FILES)[number], string> = {
    passwd: `root:x:0:0:root:/root:/usr/sbin/nologin\nagent:x:${uid}:${gid}:agent:${AGENT_HOME_PATH}:/bin/sh\n`,
    group: `root:x:0:\nagent:x:${gid}:\n`,
    hosts: '127.0.0.1 localhost sandbox\n::1 localhost\n',
    'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files\n',
  }
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(etc, name), text)
    // Read by the agent's user, whatever this process's umask.
    chmodSync(join(etc, name), 0o644)
  }
}
