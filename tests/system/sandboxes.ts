/** Sandboxes as a client sees them (v1 contract 7.5). */
import { type Account, call } from './accounts.ts'
import type { System } from './launch.ts'

export interface SandboxRecord {
  id: string
  sandbox_id: string | null
  repo_id: string
  status: string
  working_branch: string
}

/** Those of the account, last used first. */
export async function listSandboxes(
  system: Pick<System, 'baseUrl'>,
  { token }: Pick<Account, 'token'>,
): Promise<SandboxRecord[]> {
  type Answer = { data: { sandboxes: SandboxRecord[] } }
  const { body } = await call<Answer>(system, 'GET', '/api/v1/mogplex/sandboxes', { as: { token } })
  return body.data.sandboxes
}

/** `GET /sandboxes/{id}/logs`: the record with its logs, and the states it went through. */
export async function readSandbox(
  system: Pick<System, 'baseUrl'>,
  { token }: Pick<Account, 'token'>,
  recordId: string,
): Promise<{ installLog: string | null; states: string[] }> {
  type Answer = {
    data: { sandbox: { install_log: string | null }; lifecycle_events: { payload: { to: string } }[] }
  }
  const path = `/api/v1/mogplex/sandboxes/${recordId}/logs`
  const { sandbox, lifecycle_events } = (await call<Answer>(system, 'GET', path, { as: { token } })).body.data
  return { installLog: sandbox.install_log, states: lifecycle_events.map(event => event.payload.to) }
}
