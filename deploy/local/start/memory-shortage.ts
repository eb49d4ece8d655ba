/** Who goes first when the host has no memory left. */
import { writeFileSync } from 'node:fs'

/** Of -1000, never, to 1000, first of all, which is what everything in a sandbox has. */
const AFTER_EVERYTHING_ELSE = '-500'

/**
 * This process and all it starts, so the database, NATS and the services, are among the last that the kernel ends
 * for want of memory. Only root may ask for that; else they are where everything is, still far behind the agents.
 */
export function goLastWithoutMemory(): void {
  try {
    writeFileSync('/proc/self/oom_score_adj', AFTER_EVERYTHING_ELSE)
  } catch {
    // Not root, or no Linux.
  }
}
