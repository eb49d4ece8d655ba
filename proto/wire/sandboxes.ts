/** Sandboxes and their logs (v1 contract 7.5). */
import { type Static, Type } from '@sinclair/typebox'
import { V1_PREFIX } from '../errors.ts'
import { type Descriptions, v1Answers } from './describe.ts'
import { Instant, nullable, oneOf, pageSize, Uuid, V1_PAGE } from './values.ts'

const SANDBOX = {
  id: Uuid,
  sandbox_id: nullable(Type.String(), { description: 'Handle of the provider; null before there is one.' }),
  repo_id: Uuid,
  status: oneOf(['creating', 'installing', 'running', 'pausing', 'paused', 'stopped', 'error'], {
    title: 'SandboxStatus',
  }),
  base_branch: Type.String(),
  working_branch: Type.String(),
  root_directory: nullable(Type.String()),
  preview_url: nullable(Type.String()),
  created_at: Instant,
  last_active_at: Instant,
  error: nullable(Type.String()),
}

export const Sandbox = Type.Object(SANDBOX, { title: 'Sandbox' })
export type Sandbox = Static<typeof Sandbox>
export const SandboxWithLogs = Type.Object(
  { ...SANDBOX, install_log: nullable(Type.String()), dev_log: nullable(Type.String()) },
  { title: 'SandboxWithLogs' },
)
export type SandboxWithLogs = Static<typeof SandboxWithLogs>
export const LifecycleEvent = Type.Object(
  {
    id: Uuid,
    event_type: Type.String(),
    decision_code: nullable(Type.String()),
    worker_run_id: nullable(Type.String()),
    payload: Type.Record(Type.String(), Type.Unknown()),
    created_at: Instant,
  },
  { title: 'LifecycleEvent' },
)
export type LifecycleEvent = Static<typeof LifecycleEvent>

export const SANDBOX_ROUTES: Descriptions = {
  [`GET ${V1_PREFIX}/sandboxes`]: {
    operationId: 'listSandboxes',
    tag: 'sandboxes',
    summary: 'Sandboxes, the most recently active first',
    query: Type.Object({
      repo_id: Type.Optional(
        Type.String({ description: 'Of this repository; an unknown id matches nothing.' }),
      ),
      status: Type.Optional(Type.String({ description: 'In this status; an unknown one matches nothing.' })),
      limit: pageSize(V1_PAGE),
    }),
    answers: v1Answers(
      'Sandboxes.',
      Type.Object({ sandboxes: Type.Array(Sandbox, { maxItems: V1_PAGE.max }) }),
    ),
  },
  [`GET ${V1_PREFIX}/sandboxes/:sandboxId/logs`]: {
    operationId: 'getSandboxLogs',
    tag: 'sandboxes',
    summary: 'Logs and lifecycle events of a sandbox',
    description: 'The end of each log, at most 262,144 characters; the newest 200 events, oldest first.',
    answers: v1Answers(
      'The sandbox with its logs.',
      Type.Object({
        sandbox: SandboxWithLogs,
        lifecycle_events: Type.Array(LifecycleEvent, { maxItems: 200 }),
      }),
    ),
  },
}
