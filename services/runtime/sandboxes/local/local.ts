/**
 * Sandboxes on this very host, built by bubblewrap out of the kernel's namespaces (runtime spec 6.6).
 *
 * What runs inside sees its own files, the host's programs read-only, and no other process, file, socket
 * or address of the host. Its user has no rights: not root, no capabilities, no way to gain either; and the
 * kernel refuses it what leads out (`seccomp/`) and tells it nothing of the host (`masks.ts`). It
 * reaches the network only through the runtime's proxies. It ends with the runtime process, however
 * that ends, and when it takes more than its share (`limits/`).
 */
import { isAbsolute, join } from 'node:path'
import { newId } from '@mogplex/kit/ids.ts'
import type { Log } from '@mogplex/kit/log.ts'
import type { LimitExceeded, SandboxCommand, SandboxProcess, SandboxProvider } from '../provider.ts'
import { buildLaunch, checkMounts } from './bubblewrap.ts'
import { checkByTrying } from './check.ts'
import {
  agentUser,
  haveDirectories,
  makeDirectories,
  removeDirectories,
  removeSockets,
  type SandboxDirectories,
  sandboxDirectories,
} from './directories.ts'
import { type DestinationRule, publicDestination } from './egress/destination.ts'
import { openWaysOut } from './egress/ways-out.ts'
import { inTheBackground, stopMeasuring } from './limits/disk-usage.ts'
import type { SandboxLimits } from './limits/sandbox-limits.ts'
import { shortageOf, superviseSandboxes } from './limits/supervise-sandboxes.ts'
import type { Supervisor } from './limits/supervisor.ts'
import { findHolders, findOrphans, type ProcessIdentity, signal, waitUntilGone } from './process-tree.ts'
import { FILTER_FD, INFO_FD, startSandboxProcess } from './sandbox-process.ts'
import { joinNewSessionKeyring } from './session-keyring.ts'
import { findToolchain, type Toolchain } from './toolchain.ts'

export interface LocalSandboxOptions {
  /** Absolute. Sandboxes lie in its directory `sandboxes`. */
  dataDirectory: string
  log: Log
  /** What is left out is as by default. */
  limits?: Partial<SandboxLimits>
  /** False: limits are measured although the kernel could keep them. Default: true. */
  useCgroups?: boolean
}

interface Host {
  toolchain(): Promise<Toolchain>
  rule: DestinationRule
  limits: SandboxLimits
  supervisor: Supervisor
  /** Why a sandbox was ended, until it is paused. */
  exceeded: Map<string, LimitExceeded>
  /** Processes of this runtime, by the root directory of their sandbox. */
  running: Map<string, Set<SandboxProcess>>
  log: Log
}

/** Throws only on a relative `dataDirectory`; whether the host can run sandboxes is `check`'s. */
export function createLocalSandboxProvider(options: LocalSandboxOptions): SandboxProvider {
  const { dataDirectory, log } = options
  if (!isAbsolute(dataDirectory)) throw new Error(`not an absolute path: ${dataDirectory}`)
  const toolchain = onceFound(findToolchain)
  const limited = superviseSandboxes(options, async () => (await toolchain()).bubblewrap)
  const host: Host = {
    toolchain,
    rule: publicDestination,
    ...limited,
    running: new Map(),
    log,
  }
  const directoriesOf = (sandboxId: string) => sandboxDirectories(dataDirectory, sandboxId)
  const provider: SandboxProvider = {
    name: 'local',
    async check() {
      const { bubblewrap } = await host.toolchain()
      await endAll(findOrphans(bubblewrap, join(dataDirectory, 'sandboxes')))
      limited.removeLeftOvers()
      await checkByTrying(provider)
    },
    async create(recordId) {
      makeDirectories(directoriesOf(recordId), agentUser(recordId))
      return recordId
    },
    async exists(sandboxId) {
      return haveDirectories(directoriesOf(sandboxId))
    },
    async start(sandboxId, command) {
      const directories = directoriesOf(sandboxId)
      try {
        return await startIn(host, sandboxId, directories, command)
      } catch (error) {
        host.supervisor.leave(sandboxId)
        throw error
      }
    },
    async pause(sandboxId) {
      const directories = directoriesOf(sandboxId)
      await endProcesses(host, directories)
      host.exceeded.delete(sandboxId)
      // Not waited for: it is asked for when the next run starts, or measured then.
      void limited.diskBytes(sandboxId, directories).catch(() => undefined)
    },
    async destroy(sandboxId) {
      const directories = directoriesOf(sandboxId)
      await endProcesses(host, directories)
      host.exceeded.delete(sandboxId)
      await stopMeasuring(directories)
      const { bubblewrap } = await host.toolchain()
      await removeDirectories(directories, inTheBackground(bubblewrap))
    },
    exceeded: sandboxId => host.exceeded.get(sandboxId) ?? null,
    diskBytes: sandboxId => limited.diskBytes(sandboxId, directoriesOf(sandboxId)),
    shortage: () => shortageOf(dataDirectory, host.limits),
  }
  return provider
}

async function startIn(
  host: Host,
  sandboxId: string,
  directories: SandboxDirectories,
  command: SandboxCommand,
): Promise<SandboxProcess> {
  if (!haveDirectories(directories)) throw new Error(`sandbox ${sandboxId} does not exist`)
  checkMounts(command)
  const user = agentUser(sandboxId)
  const toolchain = await host.toolchain()
  const own = join(directories.run, newId())
  const log = host.log.child({ sandboxId })
  const { rule, limits } = host
  const endpoints = command.endpoints ?? []
  const waysOut =
    command.network === 'egress' ? await openWaysOut({ prefix: own, user, endpoints, rule, log }) : null
  const ways = waysOut?.ways ?? []
  const cgroup = host.supervisor.enter(sandboxId, directories)
  const fds = { infoFd: INFO_FD, filterFd: FILTER_FD }
  const launch = buildLaunch({ command, directories, user, toolchain, ways, limits, cgroup, ...fds })

  const siblings = host.running.get(directories.root) ?? new Set<SandboxProcess>()
  host.running.set(directories.root, siblings)
  const { filter } = toolchain
  // Nothing is waited for from here to the start: it is this thread's keyring that the sandbox gets.
  joinNewSessionKeyring()
  const started = startSandboxProcess({ ...launch, filter, stdin: command.stdin, infoPath: `${own}.info` })
  siblings.add(started)
  const supervised = host.supervisor.watch(sandboxId, {
    first: started.first,
    end: () => void started.stop(0),
  })
  const exited = started.exited.then(exit => {
    siblings.delete(started)
    waysOut?.close()
    const exceeded = supervised.ended()
    return exceeded ? { ...exit, exceeded } : exit
  })
  return { ...started, exited }
}

/** Also what an earlier runtime process left, should that have ended a moment ago. */
async function endProcesses(host: Host, directories: SandboxDirectories): Promise<void> {
  const own = [...(host.running.get(directories.root) ?? [])]
  await Promise.all(own.map(each => each.stop(0)))
  host.running.delete(directories.root)
  const { bubblewrap } = await host.toolchain()
  await endAll(findHolders(bubblewrap, directories.workspace))
  removeSockets(directories)
}

async function endAll(processes: ProcessIdentity[]): Promise<void> {
  for (const { pid } of processes) signal(pid, 'SIGKILL')
  await Promise.all(processes.map(waitUntilGone))
}

/** Remembers a success only: somebody may install what was missing. */
function onceFound<Found>(find: () => Promise<Found>): () => Promise<Found> {
  let found: Promise<Found> | null = null
  return () => {
    found ??= find().catch((error: unknown) => {
      found = null
      throw error
    })
    return found
  }
}
