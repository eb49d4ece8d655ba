/** Waiting for something that has no event. */

/** Asks `isTrue` every `everyMs` until it says yes (true) or the time is over (false). */
export async function waitUntil(
  isTrue: () => boolean | Promise<boolean>,
  options: { limitMs: number; everyMs?: number },
): Promise<boolean> {
  const deadline = performance.now() + options.limitMs
  for (;;) {
    if (await isTrue()) return true
    if (performance.now() >= deadline) return false
    await Bun.sleep(options.everyMs ?? 50)
  }
}
