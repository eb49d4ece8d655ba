/** Ends programs one after the other, clients before what they use, within a total time. */
import type { Supervised } from './supervise.ts'

/**
 * Stops each program of `plan` that is in `running`. Each may use the time until its `untilMs`, counted from
 * the beginning: time one does not need is the next one's.
 */
export async function stopInOrder(
  running: readonly Supervised[],
  plan: readonly { name: string; untilMs: number }[],
): Promise<void> {
  const startedAt = performance.now()
  for (const { name, untilMs } of plan) {
    const limitMs = Math.max(untilMs - (performance.now() - startedAt), 0)
    await running.find(program => program.name === name)?.stop(limitMs)
  }
}
