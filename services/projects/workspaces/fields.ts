/** The fields of a workspace as a client writes them (projects spec 4). */
import { badRequest } from '@mogplex/kit/errors.ts'
import { MAX_WORKSPACE_NAME } from '@mogplex/proto/wire/workspaces.ts'
import { readIdleTimeout, readLifetime } from '../launch-config/timeouts.ts'

const MAX_DESCRIPTION = 1_000

export interface WorkspaceFields {
  name: string
  description: string | null
  sandboxTimeoutMs: number
  sandboxIdleTimeoutMs: number
}

type Body = Record<string, unknown>

/** 400 names the field. */
export function readNewWorkspace(body: Body): WorkspaceFields {
  return {
    name: readName(body.name),
    description: readDescription(body.description),
    sandboxTimeoutMs: readLifetime(body.sandbox_timeout_ms),
    sandboxIdleTimeoutMs: readIdleTimeout(body.sandbox_idle_timeout_ms),
  }
}

/** Only the fields that are present. */
export function readWorkspaceChange(body: Body): Partial<WorkspaceFields> {
  return {
    ...(body.name === undefined ? {} : { name: readName(body.name) }),
    ...(body.description === undefined ? {} : { description: readDescription(body.description) }),
    ...(body.sandbox_timeout_ms === undefined
      ? {}
      : { sandboxTimeoutMs: readLifetime(body.sandbox_timeout_ms) }),
    ...(body.sandbox_idle_timeout_ms === undefined
      ? {}
      : { sandboxIdleTimeoutMs: readIdleTimeout(body.sandbox_idle_timeout_ms) }),
  }
}

/** Two names that differ in case only are the same name. */
export function nameKeyOf(name: string): string {
  return name.toLowerCase()
}

function readName(value: unknown): string {
  const name = typeof value === 'string' ? value.trim() : ''
  if (name === '' || name.length > MAX_WORKSPACE_NAME)
    throw badRequest(`name: must be a text of 1 to ${MAX_WORKSPACE_NAME} characters`, { field: 'name' })
  return name
}

function readDescription(value: unknown): string | null {
  const description = typeof value === 'string' ? value.trim() : ''
  if (description.length > MAX_DESCRIPTION)
    throw badRequest(`description: must have at most ${MAX_DESCRIPTION} characters`, { field: 'description' })
  return description === '' ? null : description
}
