/** What other services ask about sandboxes (identity spec 4). */
import { type Answer, answer } from '@mogplex/kit/bus/answer.ts'
import { sandboxCapability } from '@mogplex/proto/runtime.ts'
import type { SandboxProvider } from './provider.ts'

/** `runtime.sandbox.capability`: what the host lets us do, known to within half a minute. */
export function sandboxAnswers(provider: SandboxProvider): Answer[] {
  const canStart = rememberedCheck(
    () => provider.check(),
    () => performance.now(),
  )
  return [answer(sandboxCapability, async () => ({ isConfigured: await canStart() }))]
}

const REMEMBERED_MS = 30_000

/**
 * Whether `check` resolves, looked up at most twice a minute however many ask: what a sandbox needs can be
 * taken away while we run, but a check builds one, which is too much for each page that somebody opens.
 */
export function rememberedCheck(check: () => Promise<void>, nowMs: () => number): () => Promise<boolean> {
  let last: { atMs: number; outcome: Promise<boolean> } | null = null
  return () => {
    if (!last || nowMs() - last.atMs >= REMEMBERED_MS) {
      const outcome = check().then(
        () => true,
        () => false,
      )
      last = { atMs: nowMs(), outcome }
    }
    return last.outcome
  }
}
