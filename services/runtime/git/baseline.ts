/** Notes what an install command has left in a checkout, so that it does not pass for the agent's work. */
import type { Log } from '@mogplex/kit/log.ts'
import type { SandboxProvider } from '../sandboxes/provider.ts'
import { readScript, startScript } from './sandbox-git.ts'
import type { SyncedCheckout } from './sync-checkout.ts'

const SCRIPT = await readScript('stage.sh', 'baseline.sh')

export interface BaselineRequest {
  provider: SandboxProvider
  sandboxId: string
  checkout: SyncedCheckout
  signal: AbortSignal
  log: Log
}

/**
 * To be called after each install command, before the agent starts: it walks the work tree, which a checkout that
 * nothing has touched since does not need. False when it could not be done; then what the command changed counts as
 * the agent's. Throws `GitStopped` once `signal` is aborted.
 */
export async function takeBaseline(request: BaselineRequest): Promise<boolean> {
  const { provider, sandboxId, checkout, signal, log } = request
  const env = { START: checkout.headCommit }
  const running = await startScript({ provider, sandboxId, script: SCRIPT, env, signal })
  await Promise.all([running.stdout.cancel(), running.stderr.cancel()])
  const exitCode = await running.finish()
  if (exitCode !== 0) log.warn({ event: 'git_baseline_failed', sandboxId, exitCode })
  return exitCode === 0
}
