/** What other services ask about sandboxes (identity spec 4). */
import { type Answer, answer } from '@mogplex/kit/bus/answer.ts'
import { sandboxCapability } from '@mogplex/proto/runtime.ts'
import type { SandboxProvider } from './provider.ts'

/** Asks the host each time: what a sandbox needs can be taken away while we run. */
export function sandboxAnswers(provider: SandboxProvider): Answer[] {
  return [
    answer(sandboxCapability, async () => {
      const isConfigured = await provider.check().then(
        () => true,
        () => false,
      )
      return { isConfigured }
    }),
  ]
}
