/** Settings of what one sandbox may take (runtime spec 6.6). */
import type { Static } from '@sinclair/typebox'
import { Type } from '@sinclair/typebox'
import { DEFAULT_LIMITS, type SandboxLimits } from './sandbox-limits.ts'

const MIB = 1024 ** 2

export const SANDBOX_LIMIT_SETTINGS = {
  SANDBOX_CGROUPS: Type.Unsafe<'auto' | 'off'>(
    Type.String({
      pattern: '^(auto|off)$',
      default: 'auto',
      description: 'off: limits are measured although the kernel could keep them',
    }),
  ),
  SANDBOX_MEMORY_MB: Type.Integer({ default: DEFAULT_LIMITS.memoryBytes / MIB, minimum: 64 }),
  SANDBOX_CPUS: Type.Number({
    default: DEFAULT_LIMITS.cpus,
    minimum: 0.1,
    description: "processors' worth of time; divided where cgroups can be had",
  }),
  SANDBOX_PROCESSES: Type.Integer({ default: DEFAULT_LIMITS.processes, minimum: 32 }),
  SANDBOX_DISK_MB: Type.Integer({
    default: DEFAULT_LIMITS.diskBytes / MIB,
    minimum: 1,
    description: "of one sandbox's workspace and home together",
  }),
  SANDBOX_INODES: Type.Integer({
    default: DEFAULT_LIMITS.inodes,
    minimum: 100,
    description: 'files, directories and links in workspace and home',
  }),
  DISK_FREE_FLOOR_MB: Type.Integer({
    default: DEFAULT_LIMITS.freeBytes / MIB,
    minimum: 0,
    description: 'below this much free disk no run starts; 0: no floor',
  }),
  DISK_FREE_FLOOR_INODES: Type.Integer({ default: DEFAULT_LIMITS.freeInodes, minimum: 0 }),
}

const Settings = Type.Object(SANDBOX_LIMIT_SETTINGS)

export function sandboxLimits(config: Readonly<Static<typeof Settings>>): SandboxLimits {
  return {
    memoryBytes: config.SANDBOX_MEMORY_MB * MIB,
    cpus: config.SANDBOX_CPUS,
    processes: config.SANDBOX_PROCESSES,
    diskBytes: config.SANDBOX_DISK_MB * MIB,
    inodes: config.SANDBOX_INODES,
    freeBytes: config.DISK_FREE_FLOOR_MB * MIB,
    freeInodes: config.DISK_FREE_FLOOR_INODES,
  }
}
