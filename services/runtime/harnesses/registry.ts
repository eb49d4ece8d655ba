/** The harnesses there are (runtime spec 3). */
import { claudeCode } from './claude-code/claude-code.ts'
import { codex } from './codex/codex.ts'
import { echo } from './echo/echo.ts'
import type { Harness, HarnessId } from './harness.ts'

/** The versions installed unless the instance pins others (runtime spec 3.1); echo is a part of ours. */
export const HARNESS_VERSIONS: Record<HarnessId, string> = {
  codex: '0.169.0',
  'claude-code': '2.1.330',
  echo: '1.0.0',
}

/** The harness of that id; null when there is none, or when it is `echo` and that is not enabled. */
export function harnessById(id: string, options: { echoEnabled: boolean }): Harness | null {
  return harnesses(options).find(harness => harness.id === id) ?? null
}

function harnesses({ echoEnabled }: { echoEnabled: boolean }): Harness[] {
  return echoEnabled ? [codex, claudeCode, echo] : [codex, claudeCode]
}
