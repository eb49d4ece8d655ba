/** Who was looked up a moment ago without a find, and is not looked up again at once (projects spec 5.3). */

const REST_MS = 5 * 60_000

export function createRest(now: () => number = Date.now) {
  const untilMs = new Map<string, number>()
  return {
    isResting: (userId: string): boolean => (untilMs.get(userId) ?? 0) > now(),
    begin: (userId: string): void => {
      for (const [known, until] of untilMs) if (until <= now()) untilMs.delete(known)
      untilMs.set(userId, now() + REST_MS)
    },
  }
}
export type Rest = ReturnType<typeof createRest>
