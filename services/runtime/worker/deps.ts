/** What the execution of runs is built from; the process has one of these. */
import type { Asker } from '@mogplex/kit/bus/ask.ts'
import type { Live } from '@mogplex/kit/bus/live.ts'
import type { Database } from '@mogplex/kit/database/connect.ts'
import type { Log } from '@mogplex/kit/log.ts'
import type { GitHost } from '../git/host-git.ts'
import type { HarnessId } from '../harnesses/harness.ts'
import type { SandboxProvider } from '../sandboxes/provider.ts'
import type { OutputLimits } from './output-budget.ts'

export interface RunSettings {
  /** Absolute; holds sandboxes, mirrors and installed harnesses. */
  dataDirectory: string
  harnessVersions: Record<HarnessId, string>
  isEchoEnabled: boolean
  openaiBaseUrl: string
  anthropicBaseUrl: string
  aiGatewayBaseUrl: string | null
  /** See lease.ts. */
  leaseSeconds: number
  runTimeoutMs: number
  runIdleTimeoutMs: number
  outputLimits: OutputLimits
  /** What the sandboxes of one user may take together, paused ones included. */
  sandboxDiskPerUserBytes: number
}

export interface RunDeps {
  database: Database
  ask: Asker
  live: Live
  log: Log
  provider: SandboxProvider
  gitHost: GitHost
  settings: RunSettings
  pokeOutbox: () => void
}
