/** A sandbox in which something runs: what is known of it, and how it is ended. */
import type { LimitExceeded } from '../../provider.ts'
import type { SandboxDirectories } from '../directories.ts'
import type { ProcessIdentity } from '../process-tree.ts'
import type { Cgroup, Cgroups } from './cgroup.ts'
import { diskRoom, forgetUsage, measureDisk, rememberedUsage } from './disk-usage.ts'
import { createDiskWatch, type DiskWatch } from './disk-watch.ts'
import { createMemoryMeter, type MemoryMeter } from './memory-meter.ts'
import { exceeded, type SandboxLimits } from './sandbox-limits.ts'
import { type SeenTree, seeTree } from './tree-usage.ts'

/** A process tree of a sandbox, as it is supervised. */
export interface Tree {
  first: Promise<ProcessIdentity | null>
  /** Ends it at once. */
  end(): void
}

/** What is known of one. */
export interface TreeState {
  /** Null until it is known, and when there never was one. */
  first: ProcessIdentity | null
  /** Why it was ended, if it was for a limit. */
  reason: LimitExceeded | null
}

/** A sandbox in which something runs. */
export interface Watched {
  id: string
  directories: SandboxDirectories
  trees: Map<Tree, TreeState>
  cgroup: Cgroup | null
  /** Times the kernel had ended something in the cgroup, for which a reason was given. */
  knownKills: number
  meter: MemoryMeter
  /** As last measured. */
  memoryBytes: number
  /** Far from its limits: not measured until then, as long as the host has about as much memory. */
  calm: { untilMs: number; availableBytes: number } | null
  disk: DiskWatch
}

export interface SupervisorOptions {
  limits: SandboxLimits
  cgroups: Cgroups | null
  /** On the file system of the sandboxes. */
  dataDirectory: string
  bubblewrap: () => Promise<string>
  onExceeded: (sandboxId: string, reason: LimitExceeded) => void
  /** Something could not be measured; it is tried again. */
  onTrouble: (error: unknown) => void
}

export function newWatched(id: string, directories: SandboxDirectories, options: SupervisorOptions): Watched {
  const { limits, cgroups, bubblewrap } = options
  const cgroup = cgroups?.make(id, limits) ?? null
  const known = rememberedUsage(directories)
  forgetUsage(directories)
  return {
    id,
    directories,
    trees: new Map(),
    cgroup,
    knownKills: cgroup?.read().kills ?? 0,
    meter: createMemoryMeter(limits.memoryBytes),
    memoryBytes: 0,
    calm: null,
    disk: createDiskWatch({
      limits,
      known,
      room: diskRoom(directories.root),
      measure: async () => measureDisk(directories, { bubblewrap: await bubblewrap(), limits }),
    }),
  }
}

export function seeTrees({ trees }: Watched): SeenTree[] {
  return [...trees.values()].flatMap(({ first }) => (first ? seeTree(first) : []))
}

/** Everything that runs in it ends, with this as the reason. */
export function endWatched(watched: Watched, reason: LimitExceeded, options: SupervisorOptions): void {
  const running = [...watched.trees].filter(([, state]) => state.reason === null)
  if (running.length === 0) return
  options.onExceeded(watched.id, reason)
  for (const [tree, state] of running) {
    state.reason = reason
    tree.end()
  }
}

/** The kernel was faster: it has ended all that is in the cgroup. */
export function noticeKills(watched: Watched, options: SupervisorOptions): void {
  const kills = watched.cgroup?.read().kills ?? 0
  if (kills <= watched.knownKills) return
  watched.knownKills = kills
  endWatched(watched, exceeded('memory', options.limits), options)
}
