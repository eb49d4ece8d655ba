/** A run whose harness may be started or was: everything its later steps work with. */
import type { AgentRun } from '../database/schema.ts'
import type { Harness, HarnessMode } from '../harnesses/harness.ts'
import type { Claim } from './claim.ts'
import type { RunDeps } from './deps.ts'
import type { EventWriter } from './event-writer.ts'
import type { RunInputs } from './inputs.ts'
import type { Lease } from './lease.ts'
import type { PreparedRun } from './prepare.ts'

export interface StartedRun {
  claim: Claim
  lease: Lease
  deps: RunDeps
  harness: Harness
  inputs: RunInputs
  writer: EventWriter
  prepared: PreparedRun
  secrets: readonly string[]
}

/** `mode` is opaque to the API; a text that is none of the harness modes means AUTO (v1 contract 7.8). */
export function modeOf(run: AgentRun): HarnessMode {
  const mode = run.mode?.toUpperCase()
  return mode === 'YOLO' || mode === 'SAFE' ? mode : 'AUTO'
}
