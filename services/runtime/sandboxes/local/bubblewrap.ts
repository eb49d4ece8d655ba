/** Builds the command line that puts a program into a sandbox. Pure: nothing is started here. */
import { existsSync } from 'node:fs'
import { join, normalize } from 'node:path'
import { AGENT_HOME_PATH, type SandboxCommand, WORKSPACE_PATH } from '../provider.ts'
import { ACCOUNT_FILES, type AgentUser, type SandboxDirectories } from './directories.ts'
import { PROXY_PORT, type WayOut } from './egress/ways-out.ts'
import { kernelLimits } from './limits/rlimits.ts'
import { type SandboxLimits, tmpfsBytes } from './limits/sandbox-limits.ts'
import { leaveMountsArguments, maskArguments } from './masks.ts'
import type { RootEntry, Toolchain } from './toolchain.ts'

/** Our own files inside a sandbox. */
const RUN_PATH = '/run/mogplex'
/** Where the socket of a way out is, inside. */
const socketInside = ({ port }: WayOut) => `${RUN_PATH}/${port}.sock`

const ENTER_SCRIPT = join(import.meta.dir, 'limits/enter.sh')

/** Prefix under which variables travel to `entry.sh`; see there. */
const CARRIED = 'SANDBOX_ENV_'

/** Variables a shell keeps to itself; `entry.sh` could not set them. */
const SHELL_OWN = new Set([
  '_',
  'BASHOPTS',
  'BASH_VERSINFO',
  'EUID',
  'IFS',
  'OPTIND',
  'PPID',
  'SHELLOPTS',
  'UID',
])

export interface Launch {
  command: SandboxCommand
  directories: SandboxDirectories
  user: AgentUser
  toolchain: Toolchain
  /** None for `network: 'none'`. */
  ways: WayOut[]
  /** Fd on which bubblewrap writes the pid of the sandbox's first process. */
  infoFd: number
  /** Fd from which bubblewrap reads the filter of system calls. */
  filterFd: number
  limits: SandboxLimits
  /** The cgroup it enters first; null: none. */
  cgroup: string | null
}

/** `argv` holds no value of the environment, since the whole host can read arguments. */
export function buildLaunch(launch: Launch): { argv: string[]; env: Record<string, string> } {
  const env = innerEnvironment(launch)
  const names = Object.keys(env)
  const forwarded = launch.ways.map(way => `${way.port}=${socketInside(way)}`)
  return {
    argv: [
      ...(launch.cgroup === null ? [] : ['/bin/sh', ENTER_SCRIPT, launch.cgroup]),
      launch.toolchain.bubblewrap,
      ...isolation(launch),
      ...mounts(launch),
      '--',
      ...leaveMountsArguments(launch.toolchain.unshare),
      ...dropToUser(launch),
      '/bin/sh',
      `${RUN_PATH}/entry.sh`,
      kernelLimits(launch.limits),
      launch.command.cwd ?? WORKSPACE_PATH,
      names.join(' '),
      forwarded.join(' '),
      ...launch.command.argv,
    ],
    env: {
      PATH: launch.toolchain.path,
      ...Object.fromEntries(names.map(name => [CARRIED + name, env[name] ?? ''])),
    },
  }
}

/** What `leaveMountsArguments` and `dropToUser` need, and give up. */
const CAPABILITIES = ['CAP_SYS_ADMIN', 'CAP_SYS_CHROOT', 'CAP_SETPCAP']

/** As root there is no user namespace: in one, only root's own id would exist (bwrap maps a single id). */
function isolation({ toolchain, infoFd, filterFd }: Launch): string[] {
  const namespaces = toolchain.isRoot
    ? ['--unshare-ipc', '--unshare-pid', '--unshare-net', '--unshare-uts', '--unshare-cgroup-try']
    : ['--unshare-all', '--unshare-user']
  const capabilities = [...CAPABILITIES, ...(toolchain.isRoot ? ['CAP_SETUID', 'CAP_SETGID'] : [])]
  return [
    '--new-session',
    '--die-with-parent',
    ...namespaces,
    ...['--cap-drop', 'ALL', ...capabilities.flatMap(name => ['--cap-add', name])],
    ...['--hostname', 'sandbox'],
    ...['--info-fd', String(infoFd)],
    ...['--seccomp', String(filterFd)],
  ]
}

function mounts({ command, directories, toolchain, ways, limits }: Launch): string[] {
  const own = (inside: string, file: string) => ({ path: `${RUN_PATH}/${inside}`, shows: file })
  const program = (name: string) => join(import.meta.dir, name)
  const entries: RootEntry[] = [
    ...toolchain.entries,
    ...ACCOUNT_FILES.map(name => ({ path: `/etc/${name}`, shows: join(directories.etc, name) })),
    own('entry.sh', program('entry.sh')),
    ...(ways.length > 0
      ? [
          own('bun', process.execPath),
          own('forwarder.ts', program('egress/forwarder.ts')),
          own('relay.ts', program('egress/relay.ts')),
          ...ways.map(way => ({ path: socketInside(way), shows: way.socketPath })),
        ]
      : []),
    ...(command.mounts ?? []).map(mount => ({ path: mount.sandboxPath, shows: mount.hostPath })),
  ]
  const parents = new Set([...entries.map(entry => entry.path), AGENT_HOME_PATH].flatMap(ancestors))
  return [
    // bubblewrap would make them itself, but for root's eyes only.
    ...[...parents].flatMap(path => ['--perms', '0755', '--dir', path]),
    ...['--proc', '/proc', '--dev', '/dev'],
    ...tmpfs('/dev/shm', toolchain, limits),
    ...tmpfs('/tmp', toolchain, limits),
    ...entries.flatMap(entry =>
      'shows' in entry ? ['--ro-bind', entry.shows, entry.path] : ['--symlink', entry.linksTo, entry.path],
    ),
    ...['--bind', directories.workspace, WORKSPACE_PATH],
    ...['--bind', directories.home, AGENT_HOME_PATH],
    ...maskArguments(),
    // The rest of the tree is memory of the host's: without this the agent could fill it. In /proc it could make
    // itself the last that the kernel ends for want of memory.
    ...['--remount-ro', '/dev', '--remount-ro', '/proc', '--remount-ro', '/'],
  ]
}

/** Directories above a path, topmost first, without the root. Those of the host's come with their mount. */
function ancestors(path: string): string[] {
  const parts = path.split('/').slice(1, -1)
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`)
}

function tmpfs(path: string, { canBoundTmpfs }: Toolchain, limits: SandboxLimits): string[] {
  const size = canBoundTmpfs ? ['--size', String(tmpfsBytes(limits))] : []
  return [...size, '--perms', '1777', '--tmpfs', path]
}

function dropToUser({ toolchain, user }: Launch): string[] {
  const ids = [`--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups']
  return [
    toolchain.setpriv,
    // In a user namespace the id is right already, and the only one there is.
    ...(toolchain.isRoot ? ids : []),
    '--bounding-set=-all',
    '--inh-caps=-all',
    '--ambient-caps=-all',
    '--no-new-privs',
    '--',
  ]
}

function innerEnvironment({ command, toolchain, ways }: Launch): Record<string, string> {
  const given = Object.entries(command.env ?? {}).filter(([name]) => !SHELL_OWN.has(name))
  const unusable = given.find(
    ([name, value]) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || value.includes('\0'),
  )
  if (unusable) throw new Error(`not an environment variable: ${JSON.stringify(unusable[0])}`)
  return {
    ...Object.fromEntries(given),
    ...(ways.length > 0 ? proxyVariables() : {}),
    PATH: toolchain.path,
    HOME: AGENT_HOME_PATH,
    USER: 'agent',
    LOGNAME: 'agent',
    LANG: 'C.UTF-8',
    TMPDIR: '/tmp',
  }
}

function proxyVariables(): Record<string, string> {
  const proxy = `http://127.0.0.1:${PROXY_PORT}`
  const upper = {
    HTTP_PROXY: proxy,
    HTTPS_PROXY: proxy,
    ALL_PROXY: proxy,
    NO_PROXY: 'localhost,127.0.0.1,::1',
  }
  const lower = Object.fromEntries(Object.entries(upper).map(([name, value]) => [name.toLowerCase(), value]))
  // Node's own fetch looks at the variables above only when told to.
  return { ...upper, ...lower, NODE_USE_ENV_PROXY: '1' }
}

/**
 * Throws unless each mount exists and lies outside of what the agent can write: there it could turn the
 * mount point into a link to another place before bubblewrap, which may be root, gets to it.
 */
export function checkMounts(command: SandboxCommand): void {
  for (const { hostPath, sandboxPath } of command.mounts ?? []) {
    if (!existsSync(hostPath)) throw new Error(`cannot mount ${hostPath}: it does not exist`)
    const isWritable = [WORKSPACE_PATH, AGENT_HOME_PATH].some(path =>
      `${sandboxPath}/`.startsWith(`${path}/`),
    )
    if (isWritable || normalize(sandboxPath) !== sandboxPath || !sandboxPath.startsWith('/')) {
      throw new Error(`cannot mount at ${sandboxPath}: not an absolute path outside of workspace and home`)
    }
  }
}
