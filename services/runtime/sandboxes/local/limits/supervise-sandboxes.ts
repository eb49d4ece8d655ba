/** The limits of one provider of local sandboxes: what holds them, and what is remembered of the sandboxes. */
import type { Log } from '@mogplex/kit/log.ts'
import { inUnits } from '../../in-units.ts'
import type { LimitExceeded } from '../../provider.ts'
import { haveDirectories, type SandboxDirectories } from '../directories.ts'
import { findCgroups } from './cgroup.ts'
import { diskRoom, measureDisk, rememberedUsage, rememberUsage } from './disk-usage.ts'
import { lackOf } from './host-floor.ts'
import { DEFAULT_LIMITS, type SandboxLimits } from './sandbox-limits.ts'
import { createSupervisor } from './supervisor.ts'

export function superviseSandboxes(
  options: { dataDirectory: string; limits?: Partial<SandboxLimits>; useCgroups?: boolean; log: Log },
  bubblewrap: () => Promise<string>,
) {
  const { dataDirectory, useCgroups = true, log } = options
  const limits = { ...DEFAULT_LIMITS, ...options.limits }
  const exceeded = new Map<string, LimitExceeded>()
  const cgroups = useCgroups ? findCgroups(dataDirectory) : null
  log.info({ event: 'sandbox.limits', by: cgroups ? 'cgroups' : 'measuring' })
  const supervisor = createSupervisor({
    limits,
    cgroups,
    dataDirectory,
    bubblewrap,
    onTrouble: err => log.warn({ event: 'sandbox.not-measured', err }),
    onExceeded: (sandboxId, reason) => {
      exceeded.set(sandboxId, reason)
      log.warn({ event: 'sandbox.limit-exceeded', sandboxId, limit: reason.limit, reason: reason.message })
    },
  })
  return {
    limits,
    supervisor,
    exceeded,
    /** Once what an earlier runtime left running was ended. */
    removeLeftOvers: () => cgroups?.removeLeftOvers(),
    async diskBytes(sandboxId: string, directories: SandboxDirectories): Promise<number> {
      if (!haveDirectories(directories)) return 0
      const known = supervisor.isWatched(sandboxId) ? null : rememberedUsage(directories)
      if (known) return known.bytes
      const usage = await measureDisk(directories, { bubblewrap: await bubblewrap(), limits })
      if (usage && !supervisor.isWatched(sandboxId) && haveDirectories(directories)) {
        rememberUsage(directories, usage)
      }
      return usage?.bytes ?? 0
    },
  }
}

/** Why no sandbox should start now: the disk has less left than is kept free. */
export function shortageOf(dataDirectory: string, limits: SandboxLimits): string | null {
  const room = diskRoom(dataDirectory)
  const lack = lackOf(room, { bytes: limits.freeBytes, inodes: limits.freeInodes })
  if (!lack) return null
  const [left, least] =
    lack === 'bytes'
      ? [inUnits(room.bytes), inUnits(limits.freeBytes)]
      : [`${room.inodes} inodes`, `${limits.freeInodes}`]
  return `The disk of ${dataDirectory} has ${left} left, and no run starts below ${least}. Make room there; DISK_FREE_FLOOR_MB sets what is kept free`
}
