/** Ends a process with everything it has started. */

const KILL_AFTER_MS = 2_000
const LOOK_AGAIN_MS = 10

/**
 * SIGTERM to the whole group, so that git removes its lock files, then SIGKILL to what is left. Resolves once no
 * process of the group is there, or SIGKILL was the last word. A group is named after its leader.
 */
export async function endGroup(leader: number): Promise<void> {
  const deadline = performance.now() + KILL_AFTER_MS
  let isAlive = signalGroup(leader, 'SIGTERM')
  while (isAlive && performance.now() < deadline) {
    await Bun.sleep(LOOK_AGAIN_MS)
    isAlive = signalGroup(leader, 0)
  }
  if (isAlive) signalGroup(leader, 'SIGKILL')
}

/** False when the group is gone. */
function signalGroup(leader: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-leader, signal)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false
    throw error
  }
}
