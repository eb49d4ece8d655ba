/** What runtime answers and tells (runtime spec 13), and the subjects it wakes its own streams and workers by. */
import { Type } from '@sinclair/typebox'
import { ask, tell } from './contract.ts'
import type { ServiceName } from './services.ts'

/** Whether sandboxes can be started here now. */
export const sandboxCapability = ask('rpc.runtime.sandbox.capability', {
  callers: ['identity'],
  request: Type.Object({}),
  reply: Type.Object({ isConfigured: Type.Boolean() }),
})

const RunFacts = Type.Object({ runId: Type.String(), repoId: Type.String(), harness: Type.String() })

/** Work is waiting. A hint: the run's row is the truth and a poller finds it too. */
export const runAccepted = tell('evt.runtime.run.accepted', RunFacts)
export const runStreaming = tell('evt.runtime.run.streaming', RunFacts)
export const runFinished = tell(
  'evt.runtime.run.finished',
  Type.Object({
    ...RunFacts.properties,
    status: Type.String(),
    failureCode: Type.Union([Type.String(), Type.Null()]),
  }),
)

/** Something was appended to the run's events, or its cancellation was requested. */
export function liveRunSubject(runId: string): `live.${string}` {
  return `live.run.${runId}`
}
export const LIVE_RUNS = 'live.run.*'

/** A run was accepted: workers look for work. Under {@link LIVE_RUNS}, so that one subscription does. */
export const WORK_SUBJECT = 'live.run.accepted'

/** Which subjects a service wakes others by and is woken by itself. */
export const LIVE_SUBJECTS: Record<ServiceName, readonly string[]> = {
  identity: [],
  projects: [],
  runtime: [LIVE_RUNS],
}
