/** Answers that GitHub must not hold up for longer than somebody waits. */
import type { Log } from '@mogplex/kit/log.ts'

/** The gateway waits for 30 s, and a question of another service for 25 s before it is asked again. */
export const ANSWER_LIMIT_MS = 20_000

/** What `work` brings, or `late` if that takes longer: then it goes on by itself, and its failure is logged. */
export async function within<Value>(
  work: Promise<Value>,
  { limitMs = ANSWER_LIMIT_MS, late, log }: { limitMs?: number; late: Value; log: Log },
): Promise<Value> {
  const over = Promise.withResolvers<Value>()
  const timer = setTimeout(() => {
    work.catch(err => log.warn({ event: 'github.failed-late', err }))
    over.resolve(late)
  }, limitMs)
  try {
    return await Promise.race([work, over.promise])
  } finally {
    clearTimeout(timer)
  }
}
