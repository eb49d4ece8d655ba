/** Workspaces (projects spec 4). */
import { type Static, Type } from '@sinclair/typebox'
import { answers, type Descriptions } from './describe.ts'
import { Done, Instant, lenient, nullable, Uuid } from './values.ts'

const WORKSPACE = {
  id: Uuid,
  user_id: Uuid,
  name: Type.String(),
  description: nullable(Type.String()),
  is_default: Type.Boolean(),
  sandbox_timeout_ms: Type.Integer(),
  sandbox_idle_timeout_ms: Type.Integer(),
  created_at: Instant,
  updated_at: Instant,
}

export const Workspace = Type.Object(WORKSPACE, { title: 'Workspace' })
export type Workspace = Static<typeof Workspace>
export const CountedWorkspace = Type.Object(
  { ...WORKSPACE, repo_count: Type.Integer({ minimum: 0, description: 'Hidden ones count too.' }) },
  { title: 'CountedWorkspace' },
)
export type CountedWorkspace = Static<typeof CountedWorkspace>

/** In characters, after trimming. */
export const MAX_WORKSPACE_NAME = 100

const Name = Type.String({
  minLength: 1,
  maxLength: MAX_WORKSPACE_NAME,
  description: 'Counted after trimming. Two that differ in case only are the same.',
})
const REST = {
  description: lenient('At most 1,000 characters; blank or no text: none.', 'Everything about the shop'),
  sandbox_timeout_ms: lenient('Clamped to 600,000–18,000,000; no number: 18,000,000.', 3_600_000),
  sandbox_idle_timeout_ms: lenient('Clamped to 300,000–18,000,000; no number: 1,800,000.', 1_800_000),
}

export const WORKSPACE_ROUTES: Descriptions = {
  'GET /api/workspaces': {
    operationId: 'listWorkspaces',
    tag: 'workspaces',
    summary: 'Your workspaces',
    answers: answers('All of them.', Type.Array(CountedWorkspace)),
  },
  'POST /api/workspaces': {
    operationId: 'createWorkspace',
    tag: 'workspaces',
    summary: 'Make a workspace',
    body: Type.Object({ name: Name, ...REST }),
    answers: answers('The new workspace.', CountedWorkspace),
    errors: [409],
  },
  'GET /api/workspaces/:id': {
    operationId: 'getWorkspace',
    tag: 'workspaces',
    summary: 'One workspace',
    answers: answers('The workspace.', CountedWorkspace),
  },
  'PATCH /api/workspaces/:id': {
    operationId: 'changeWorkspace',
    tag: 'workspaces',
    summary: 'Change a workspace',
    description: 'What is left out stays as it is.',
    body: Type.Object({ name: Type.Optional(Name), ...REST }),
    answers: answers('The changed workspace.', CountedWorkspace),
    errors: [409],
  },
  'DELETE /api/workspaces/:id': {
    operationId: 'deleteWorkspace',
    tag: 'workspaces',
    summary: 'Delete an empty workspace',
    answers: answers('It is gone.', Done),
    errors: [409],
  },
}
